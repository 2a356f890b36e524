"""`sequence plan --base COMMIT --offline`: from one commit to another, without a cluster or a key."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sequence_operator.artifact.tree import Tree
from sequence_operator.cli import plan_outcome as outcome
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.plan_aims import Aim, elsewhere, written_in
from sequence_operator.cli.plan_files import Files, read
from sequence_operator.cli.plan_modules import Modules, modules, problem_of
from sequence_operator.cli.plan_objects import Object, hash_of, live, merged
from sequence_operator.cli.preflight_facts import told
from sequence_operator.cli.repository import NO_COMMIT, Repository
from sequence_operator.cli.terminal import say
from sequence_operator.reconcile.actions import Plan, Refuse
from sequence_operator.reconcile.assumed import plan_between
from sequence_operator.reconcile.building import BUILD_FAILED
from sequence_operator.reconcile.preflight import Inputs
from sequence_operator.reconcile.review_plan import Item, ReviewPlan
from sequence_operator.reconcile.sources.model import Apply, Change, Live, Sibling, SourcePlan
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.spec.resources import AlgoDeployment, AlgoSourceStatus, SourceProblem

_ASSUMED = "what runs is taken to be as {0} says; an algo whose file sets no state is taken to stand still"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags ask for. revision None: the working folder."""

    base: str
    revision: str | None
    names: Sequence[str]
    paths: Sequence[str]
    sandbox: bool
    build: bool


def review(repository: Repository, wish: Wish) -> ReviewPlan:
    """What merging would do. Raises CliError for commits and sources that are not there."""
    head = None if wish.revision is None else repository.commit(wish.revision)
    here = head or repository.head()
    base = repository.commit(wish.base)
    start = repository.merge_base(base, here) if here != NO_COMMIT else base
    if start != base:
        say(f"compared with {start[:12]}, where this branch left {wish.base}")
    with repository.tree(start) as before, repository.tree(head) as after:
        aims = written_in(after, repository, wish.names, wish.paths, wish.sandbox)
        old, new = read(repository, before, start), read(repository, after, head)
        running = _running(aims, _aims_before(before, repository, wish, aims), old)
        plans = _plans(aims, running, new)
        title = f"{repository.root.name}: {wish.base} ({start[:8]}) → {_named(wish.revision, new.commit)}"
        notes = (_ASSUMED.format(f"{wish.base} ({start[:8]})"), *elsewhere(aims, repository))
        return _joined(title, plans, running, old, new, wish.build, notes)


def _named(revision: str | None, commit: str) -> str:
    if commit == NO_COMMIT:
        return "the working folder"
    return commit[:8] if revision in (None, "HEAD") else f"{revision} ({commit[:8]})"


def _aims_before(tree: Tree, repository: Repository, wish: Wish, aims: Sequence[Aim]) -> Mapping[str, Aim]:
    """The sources as they were written in the commit that runs, by name. One that a commit brings followed nothing
    before; where none was written down at all, those of now did."""
    if not any(aim.declared for aim in aims):
        return {aim.name: aim for aim in aims}
    try:
        before = written_in(tree, repository, wish.names, wish.paths, wish.sandbox)
    except CliError:
        return {}
    return {aim.name: aim for aim in (before if any(a.declared for a in before) else aims)}


@dataclass(frozen=True, slots=True)
class Running:
    """What one source has applied, as far as a commit tells it."""

    aim: Aim
    plan: SourcePlan | None
    objects: Mapping[str, Object]


def _running(aims: Sequence[Aim], before: Mapping[str, Aim], old: Files) -> list[Running]:
    """By source: what the base commit declares, as objects that run."""
    found = []
    for aim in aims:
        if aim.name not in before:
            found.append(Running(aim, None, {}))
            continue
        then = before[aim.name]
        plan = plan_source(then.source, then.mode, old.snapshot(then.source), {}, ())
        objects = {a.name: live(a.obj) for a in plan.actions if isinstance(a, Apply)}
        found.append(Running(aim, plan, objects))
    return found


def _plans(aims: Sequence[Aim], running: Sequence[Running], new: Files) -> list[tuple[Aim, SourcePlan]]:
    """What each source does with the new commit, knowing what the others of its namespace declare."""

    def planned(at: int, siblings: Iterable[Sibling]) -> SourcePlan:
        aim, then = aims[at], running[at].plan
        namespace = aim.source.metadata.namespace
        held = [r for r in running if r.aim.source.metadata.namespace == namespace]
        objects = {name: Live.of(obj) for r in reversed(held) for name, obj in r.objects.items()}
        status = AlgoSourceStatus(
            observed_generation=aim.source.metadata.generation,
            observed_commit="" if then is None else "f" * 40,
            inventory=[] if then is None else list(then.inventory),
        )
        source = aim.source.model_copy(update={"status": status})
        return outcome.planned(source, aim.mode, new.snapshot(source), objects, tuple(siblings))

    first = [planned(at, ()) for at in range(len(aims))]
    return [
        (aim, planned(at, [_sibling(aims[i], first[i]) for i in range(len(aims)) if _beside(aims, i, at)]))
        for at, aim in enumerate(aims)
    ]


def _beside(aims: Sequence[Aim], one: int, other: int) -> bool:
    return one != other and aims[one].source.metadata.namespace == aims[other].source.metadata.namespace


def _sibling(aim: Aim, plan: SourcePlan) -> Sibling:
    return Sibling(aim.name, ready=True, looked_at=_now(), declares=plan.declares)


def _joined(
    title: str,
    plans: Sequence[tuple[Aim, SourcePlan]],
    running: Sequence[Running],
    old: Files,
    new: Files,
    build: bool,
    notes: tuple[str, ...],
) -> ReviewPlan:
    items: list[Item] = []
    problems: list[SourceProblem] = []
    for (aim, plan), then in zip(plans, running, strict=True):
        for change in outcome.shown(plan):
            made = modules(change, old, new, build=build)
            problems += [problem_of(made.failed)] if made.failed else []
            items.append(_item(aim, change, made))
        items += [_idle(aim, name, obj) for name, obj in sorted(then.objects.items())]
    return outcome.review_plan(title, plans, items, problems, notes)


def _item(aim: Aim, change: Change, made: Modules) -> Item:
    before = None if change.before is None else AlgoDeployment.model_validate(change.before)
    would = None if change.after is None else merged(change.before, change.after)
    after = None if would is None else AlgoDeployment.model_validate(would)
    if made.failed is not None:
        plan = Plan((Refuse(BUILD_FAILED, f"{problem_of(made.failed)}"),))
    else:
        plan = plan_between(
            before, after, mode=aim.mode, now=_now(), base_wasm=made.before, head_wasm=made.after
        )
    spec = (after or before or _neither()).spec
    return Item(
        name=change.name,
        deployment=spec.deployment,
        account=aim.account,
        what=outcome.WHAT[change.kind],
        plan=plan,
        plan_hash=hash_of(change),
        path=change.path,
        running=before is not None and before.spec.state == "Running",
        checks=told(Inputs(spec, aim.mode, artifact=made.facts)) if after is not None else (),
        notes=tuple(note for note in (change.held, made.note) if note),
    )


def _idle(aim: Aim, name: str, obj: Object) -> Item:
    running = obj["spec"].get("state") == "Running"
    return Item(name, obj["spec"]["deployment"], aim.account, "none", Plan(), running=running)


def _neither() -> AlgoDeployment:
    raise ValueError("a change has an object before or after it")


def _now() -> datetime:
    return datetime.now(UTC)
