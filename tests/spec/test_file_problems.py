"""Every rule of `Sequence.toml` by the problem it reports, and where."""

from __future__ import annotations

import pytest

from sequence_operator.spec.problems import SpecError
from sequence_operator.spec.sequence_toml import parse

HEAD = '[deployment]\nname = "a"\n'
ONE = '[[instances]]\nvenue = "kraken"\nsymbols = ["BTC-USD"]\n'
TWO = ONE + 'label = "maker"\n' + ONE + 'label = "hedger"\n'


def many(count: int) -> str:
    return "".join(ONE + f'label = "i{n}"\n' for n in range(count))


# text → what is reported, as `LINE:COLUMN: message`
PROBLEMS: dict[str, tuple[str, list[str]]] = {
    "nothing at all": (
        "",
        [
            '1:1: no instance is given: add [[instances]] with venue = "kraken" and symbols = ["BTC-USD"]',
            '1:1: the [deployment] table is missing: add [deployment] with name = "my-algo"',
        ],
    ),
    "misspelt table": (
        '[depolyment]\nname = "a"\n' + ONE,
        ["1:2: unknown key depolyment: did you mean deployment?"],
    ),
    "key above its table": (
        'name = "a"\n' + HEAD + ONE,
        ["1:1: unknown key name: it belongs under [deployment]"],
    ),
    "key of an instance elsewhere": (
        HEAD + 'venue = "kraken"\n' + ONE,
        ["3:1: unknown key venue in deployment: it belongs under [[instances]]"],
    ),
    "key nobody knows": (
        HEAD + "[build]\nlto = true\n" + ONE,
        ["4:1: unknown key lto in build; known are wasm, prebuilt"],
    ),
    "single brackets": (
        HEAD + ONE.replace("[[instances]]", "[instances]"),
        ["3:2: instances are a list: write [[instances]] with double brackets"],
    ),
    "no instances in the list": (
        HEAD + "",
        ['1:1: no instance is given: add [[instances]] with venue = "kraken" and symbols = ["BTC-USD"]'],
    ),
    "empty list of instances": ("instances = []\n" + HEAD, ["1:13: 1 to 16 instances may be given, got 0"]),
    "17 instances": (HEAD + many(17), ["67:3: 1 to 16 instances may be given, got 17"]),
    "empty name": (
        '[deployment]\nname = ""\n' + ONE,
        [
            '2:8: deployment.name must be 1 to 63 letters, digits, - and _, beginning with a letter or digit, got ""'
        ],
    ),
    "name with a dash first": (
        '[deployment]\nname = "-a"\n' + ONE,
        [
            '2:8: deployment.name must be 1 to 63 letters, digits, - and _, beginning with a letter or digit, got "-a"'
        ],
    ),
    "name is a number": ("[deployment]\nname = 5\n" + ONE, ["2:8: deployment.name must be a string, got 5"]),
    "state in the wrong case": (
        HEAD + 'state = "Running"\n' + ONE,
        ['3:9: deployment.state must be "running" or "stopped", got "Running": did you mean "running"?'],
    ),
    "state is no word": (
        HEAD + "state = true\n" + ONE,
        ['3:9: deployment.state must be "running" or "stopped", got true'],
    ),
    "boolean as text": (
        HEAD + '[operator]\nsuspend = "yes"\n' + ONE,
        ['4:11: operator.suspend must be true or false, got "yes"'],
    ),
    "boolean as number": (
        HEAD + "[build]\nprebuilt = 1\n" + ONE,
        ["4:12: build.prebuilt must be true or false, got 1"],
    ),
    "risk is no table": ("risk = 5\n" + HEAD + ONE, ["1:8: risk must be a table, got 5"]),
    "a fraction": (
        HEAD + "[risk]\nmax_position_1e8 = 0.5\n" + ONE,
        ["4:20: risk.max_position_1e8 must be a whole number, got 0.5 (a float)"],
    ),
    "a float without fraction": (
        HEAD + "[risk]\nmax_order_rate = 20.0\n" + ONE,
        ["4:18: risk.max_order_rate must be a whole number, got 20.0 (a float): write 20"],
    ),
    "a date": (
        HEAD + "[risk]\nmax_order_rate = 1979-05-27\n" + ONE,
        ["4:18: risk.max_order_rate must be a whole number, got a date or time"],
    ),
    "a negative limit": (
        HEAD + "[risk]\nmax_daily_loss_1e9 = -1\n" + ONE,
        ["4:22: risk.max_daily_loss_1e9 must be at least 1, got -1"],
    ),
    "2^63": (
        HEAD + f"[risk]\nmax_position_1e8 = {2**63}\n" + ONE,
        [
            "4:20: risk.max_position_1e8 must be below 2^63 (at most 9223372036854775807), "
            "got 9223372036854775808"
        ],
    ),
    "a rate beyond 32 bits": (
        HEAD + f"[risk]\nmax_order_rate = {2**32}\n" + ONE,
        ["4:18: risk.max_order_rate must be at most 4294967295, got 4294967296"],
    ),
    "33 open orders": (
        HEAD + "[risk]\nmax_open_orders = 33\n" + ONE,
        ["4:19: risk.max_open_orders must be at most 32, got 33"],
    ),
    "looser risk": (
        HEAD + "[risk]\nmax_order_rate = 5\n" + ONE + "risk = { max_order_rate = 6 }\n",
        ["8:27: instances.risk.max_order_rate may only tighten risk.max_order_rate = 5 (line 4), got 6"],
    ),
    "labels missing": (
        HEAD + ONE + ONE,
        [
            '3:3: instances.label is missing: with more than one instance each needs one, label = "maker"',
            '6:3: instances.label is missing: with more than one instance each needs one, label = "maker"',
        ],
    ),
    "label twice": (
        HEAD + TWO.replace("hedger", "maker"),
        ['10:9: label "maker" is taken by the instance in line 6'],
    ),
    "label of a forged subject": (
        HEAD + ONE + 'label = "a.>"\n',
        [
            '6:9: instances.label must be 1 to 32 letters, digits, - and _, beginning with a letter or digit, got "a.>"'
        ],
    ),
    "long label": (
        HEAD + ONE + f'label = "{"x" * 33}"\n',
        ["6:9: instances.label must be at most 32 characters long, got 33"],
    ),
    "venue in capitals": (
        HEAD + ONE.replace("kraken", "Kraken"),
        [
            "4:9: instances.venue must be a venue id in lower case, such as kraken, "
            'got "Kraken": did you mean "kraken"?'
        ],
    ),
    "venue nearly known": (
        HEAD + ONE.replace("kraken", "coinbsae"),
        ['4:9: unknown venue "coinbsae": did you mean "coinbase"?'],
    ),
    "no symbols": (
        HEAD + ONE.replace('"BTC-USD"', ""),
        ["5:11: 1 to 32 symbols may be given, got 0"],
    ),
    "33 symbols": (
        HEAD + ONE.replace('"BTC-USD"', ", ".join(f'"S{n}"' for n in range(33))),
        ["5:226: 1 to 32 symbols may be given, got 33"],
    ),
    "symbol twice": (
        HEAD + ONE.replace('"BTC-USD"', '"BTC-USD", "BTC-USD"'),
        ['5:23: symbol "BTC-USD" is given twice'],
    ),
    "symbol in lower case": (
        HEAD + ONE.replace("BTC-USD", "btc-usd"),
        ['5:12: symbols of this venue are upper case: did you mean "BTC-USD"?'],
    ),
    "nan": (
        HEAD + "[params]\na = nan\n" + ONE,
        ["4:5: params.a must be finite: nan and inf cannot be sent to the platform, got nan"],
    ),
    "param of 65 bits": (
        HEAD + f"[params]\na = {-(2**63) - 1}\n" + ONE,
        ["4:5: params.a must fit into 64 bits: between -2^63 and 2^63 - 1, got -9223372036854775809"],
    ),
    "param of text": (
        HEAD + '[params]\na = "x"\n' + ONE,
        [
            "4:5: params.a must be a whole number, a float (1.0), true or false, "
            'or basis points as { bps = 12 }, got "x"'
        ],
    ),
    "bps beyond 32 bits": (
        HEAD + f"[params]\na.bps = {2**31}\n" + ONE,
        ["4:9: params.a.bps must fit into 32 bits: between -2^31 and 2^31 - 1, got 2147483648"],
    ),
    "bps of text": (
        HEAD + '[params]\na = { bps = "x" }\n' + ONE,
        ['4:13: params.a.bps must be a whole number, got "x"'],
    ),
    "param with a blank": (
        HEAD + '[params]\n"a b" = 1\n' + ONE,
        [
            "4:1: the name of a parameter must be 1 to 63 letters, digits, - and _, "
            'beginning with a letter or _, got "a b"'
        ],
    ),
    "33 params": (
        HEAD + "[params]\n" + "".join(f"p{n} = {n}\n" for n in range(33)) + ONE,
        ["36:1: at most 32 params may be given, got 33: the algo's table has no more slots"],
    ),
    "override of nothing": (
        HEAD + "[params]\nspread = 1\n" + ONE + "params = { spraed = 2 }\n",
        ["8:12: instances.params.spraed overrides nothing, for [params] has no spraed: did you mean spread?"],
    ),
    "override of another kind": (
        HEAD + "[params]\nspread = 1\n" + ONE + "params = { spread = 2.0 }\n",
        ["8:21: instances.params.spread must be of the same kind as params.spread (line 4): int, got float"],
    ),
    "a bool is not an int": (
        HEAD + "[params]\nspread = 1\n" + ONE + "params = { spread = true }\n",
        ["8:21: instances.params.spread must be of the same kind as params.spread (line 4): int, got bool"],
    ),
    "route to nobody": (
        HEAD + TWO + '[mesh]\nroutes = [{ from = "maker", to = "hegder" }]\n',
        ['12:34: mesh.routes: no instance has the label "hegder": did you mean "hedger"?'],
    ),
    "route twice": (
        HEAD + TWO + "[mesh]\nroutes = [" + '{ from = "maker", to = "hedger" }, ' * 2 + "]\n",
        ["12:46: mesh.routes: from maker to hedger is given twice"],
    ),
    "route of one end": (
        HEAD + TWO + '[mesh]\nroutes = [{ from = "maker" }]\n',
        ["12:11: mesh.routes.to is missing"],
    ),
    "wasm outside": (
        HEAD + '[build]\nwasm = "../algo.wasm"\n' + ONE,
        ['4:8: build.wasm must be a path inside the project, relative to this file, got "../algo.wasm"'],
    ),
    "absolute wasm": (
        HEAD + '[build]\nwasm = "/tmp/algo.wasm"\n' + ONE,
        ['4:8: build.wasm must be a path inside the project, relative to this file, got "/tmp/algo.wasm"'],
    ),
    "wasm on a drive": (
        HEAD + "[build]\nwasm = 'C:\\algo.wasm'\n" + ONE,
        ['4:8: build.wasm must be a path inside the project, relative to this file, got "C:\\\\algo.wasm"'],
    ),
    "empty wasm": (HEAD + '[build]\nwasm = ""\n' + ONE, ["4:8: build.wasm must not be empty"]),
    # syntax
    "open string": ('[deployment]\nname = "a\n', ["2:10: this string is not closed on its line"]),
    "key twice": (
        HEAD + 'name = "b"\n' + ONE,
        ["3:1: this key or table stands in the file already; each may be given once"],
    ),
    "table twice": (
        HEAD + ONE + HEAD,
        ["6:1: this key or table stands in the file already; each may be given once"],
    ),
    "no value": ("[deployment]\nname =\n", ["2:7: not valid TOML: Invalid value"]),
    "byte order mark": (
        "\ufeff" + HEAD + ONE,
        ["1:1: the file begins with a byte order mark: save it as UTF-8 without one"],
    ),
    "endless number": (
        "a = " + "9" * 5000,
        ["1:1: a number in this file has thousands of digits"],
    ),
    "deep nesting": ("a = " + "[" * 5000 + "]" * 5000, ["1:1: arrays and tables are nested too deeply"]),
}


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(text)
    lines = str(caught.value).split("\n")
    assert all(line.startswith("Sequence.toml:") for line in lines)
    return [line.removeprefix("Sequence.toml:") for line in lines]


@pytest.mark.parametrize("case", PROBLEMS)
def test_the_problem_is_named_where_it_is(case):
    text, expected = PROBLEMS[case]
    assert problems(text) == expected


def test_columns_are_the_same_with_windows_line_ends():
    text, expected = PROBLEMS["looser risk"]
    assert problems(text.replace("\n", "\r\n")) == expected
