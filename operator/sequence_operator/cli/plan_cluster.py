"""`sequence plan` in a clone: what the cluster's AlgoSources would do with these files, from what runs now."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sequence_operator.cli import plan_outcome as outcome
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.observe import Observer
from sequence_operator.cli.plan_aims import Aim, chosen, none_found
from sequence_operator.cli.plan_files import Files, read
from sequence_operator.cli.plan_modules import Modules, modules, problem_of
from sequence_operator.cli.plan_objects import deleted, hash_of, merged, tree_of
from sequence_operator.cli.preflight_facts import told
from sequence_operator.cli.preflight_inputs import inputs_of
from sequence_operator.cli.repository import NO_COMMIT, Repository
from sequence_operator.cluster.resources import ALGO_SOURCES
from sequence_operator.reconcile.actions import Plan
from sequence_operator.reconcile.model import ArtifactState, ArtifactView, BuildState, BuildView
from sequence_operator.reconcile.preflight import Check
from sequence_operator.reconcile.review_plan import Item, ReviewPlan
from sequence_operator.reconcile.sources.model import Change, Live, Sibling, SourcePlan
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.spec.names import ADOPT_FROM
from sequence_operator.spec.resources import AlgoDeployment, AlgoSource, SourceProblem


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags ask for. revision None: the working folder. paths: instead of those of the source."""

    revision: str | None
    names: Sequence[str]
    paths: Sequence[str]
    build: bool


async def follows(eyes: Observer, repository: Repository, names: Sequence[str]) -> list[AlgoSource]:
    """AlgoSources of the namespace that follow this clone, or those called `names`; [] when there are none."""
    return chosen(await _sources(eyes), repository, names)


async def _sources(eyes: Observer) -> list[AlgoSource]:
    objects = await eyes.client.list(ALGO_SOURCES, eyes.context.namespace)
    return [AlgoSource.model_validate(obj) for obj in objects]


async def review(eyes: Observer, repository: Repository, wish: Wish) -> ReviewPlan:
    """What a push of these files would do. Raises CliError when no source follows the clone."""
    sources = await _sources(eyes)
    found = chosen(sources, repository, wish.names)
    missing = [name for name in wish.names if name not in {source.metadata.name for source in found}]
    if not found or missing:
        place = f"namespace {eyes.context.namespace}"
        raise none_found(missing or wish.names, repository, place, sources)
    if wish.paths and len(found) > 1:
        raise CliError(
            "--path goes with one source",
            f"{', '.join(s.metadata.name for s in found)} follow this repository",
            f"sequence plan --source {found[0].metadata.name} --path '{wish.paths[0]}'",
            ExitCode.USAGE,
        )
    aims = [await _aim(eyes, source, wish.paths) for source in found]
    revision = None if wish.revision is None else repository.commit(wish.revision)
    with repository.tree(revision) as tree:
        files = read(repository, tree, revision)
        plans = _plans(aims, sources, {o["metadata"]["name"]: Live.of(o) for o in await eyes.algos()}, files)
        what = "the working folder" if files.commit == NO_COMMIT else files.commit[:8]
        listed = ", ".join(aim.name for aim in aims)
        title = f"{repository.root.name}: {what} against source {listed} in {eyes.context.namespace}"
        return await _joined(eyes, title, plans, files, wish.build)


async def _aim(eyes: Observer, source: AlgoSource, paths: Sequence[str]) -> Aim:
    owner = await eyes.account(source.spec.account_ref.name)
    if paths:
        source = source.model_copy(update={"spec": source.spec.model_copy(update={"paths": list(paths)})})
    return Aim(source, owner.spec.mode)


def _plans(
    aims: Sequence[Aim], sources: Sequence[AlgoSource], live: Mapping[str, Live], files: Files
) -> list[tuple[Aim, SourcePlan]]:
    """What each source does with the files; the others declare what they did last, or what these files say."""
    now = datetime.now(UTC)
    snapshots = {aim.name: files.snapshot(aim.source) for aim in aims}
    declared = {s.metadata.name: frozenset(e.name for e in s.status.inventory) for s in sources}
    for aim in aims:
        first = plan_source(aim.source, aim.mode, snapshots[aim.name], live, ())
        declared[aim.name] = first.declares

    def siblings(of: str) -> Iterable[Sibling]:
        return (Sibling(name, True, now, names) for name, names in declared.items() if name != of)

    return [
        (aim, outcome.planned(aim.source, aim.mode, snapshots[aim.name], live, tuple(siblings(aim.name))))
        for aim in aims
    ]


async def _joined(
    eyes: Observer, title: str, plans: Sequence[tuple[Aim, SourcePlan]], files: Files, build: bool
) -> ReviewPlan:
    items: list[Item] = []
    problems: list[SourceProblem] = []
    for aim, plan in plans:
        for change in outcome.shown(plan):
            made = await _made(eyes, change, files, build)
            problems += [problem_of(made.failed)] if made.failed else []
            items.append(await _item(eyes, aim, change, made))
        names = {entry.name for entry in plan.inventory} - {change.name for change in outcome.shown(plan)}
        for obj in await eyes.algos():
            if obj["metadata"]["name"] in names:
                items.append(await _unchanged(eyes, aim, obj))
    return outcome.review_plan(title, plans, items, problems, ())


async def _made(eyes: Observer, change: Change, files: Files, build: bool) -> Modules:
    """The module that the change leads to: the builder's, when it has been built already, else one compiled here."""
    if change.after is not None and tree_of(change.after) != tree_of(change.before):
        view = await eyes.build(AlgoDeployment.model_validate(merged(change.before, change.after)))
        if view is not None and view.state is BuildState.READY:
            note = f"built in the cluster: {view.name}, sha256 {view.sha256[:12]}"
            return Modules(after=view.sha256, size=view.size_bytes, note=note)
    return await asyncio.to_thread(modules, change, None, files, build=build)


async def _item(eyes: Observer, aim: Aim, change: Change, made: Modules) -> Item:
    after = None if change.after is None else merged(change.before, change.after)
    checks: tuple[Check, ...] = ()
    status = AlgoDeployment.model_validate(change.before).status if change.before is not None else None
    if after is None:
        plan = await eyes.plan(deleted(change.before or {}))
    else:
        checks = await _checks(eyes, aim, after, change, made)
        plan = await eyes.plan(after, artifact=_artifact(made), build=_build(change, made), checks=checks)
    spec = (after or change.before or {})["spec"]
    return Item(
        name=change.name,
        deployment=spec["deployment"],
        account=aim.account,
        what=outcome.WHAT[change.kind],
        plan=plan,
        plan_hash=hash_of(change, None if status is None else status.review_digest or ""),
        path=change.path,
        running=status is not None and status.state in ("Running", "Degraded"),
        checks=checks,
        notes=tuple(note for note in (change.held, made.note) if note),
    )


async def _checks(
    eyes: Observer, aim: Aim, after: Mapping[str, Any], change: Change, made: Modules
) -> tuple[Check, ...]:
    """What the account says to the spec as it would be."""
    resource = AlgoDeployment.model_validate(after)
    uid = "" if change.before is None else resource.metadata.uid
    inputs = await inputs_of(await eyes.remote(aim.mode), resource.spec, aim.mode, uid, made.facts)
    if resource.spec.adopt or ADOPT_FROM in resource.metadata.annotations:
        inputs = replace(inputs, conflict=None)  # whom it may be taken from is the core's decision
    return told(inputs)


async def _unchanged(eyes: Observer, aim: Aim, obj: Mapping[str, object]) -> Item:
    """An object that the files leave as it is; drift, or a build that is open, may still be put right."""
    resource = AlgoDeployment.model_validate(obj)
    plan = await eyes.plan(obj)
    return Item(
        name=resource.metadata.name,
        deployment=resource.spec.deployment,
        account=aim.account,
        what="none",
        plan=plan if plan.changes or plan.drift or plan.refusal else Plan(),
        path=(resource.spec.origin.path or "") if resource.spec.origin else "",
        running=resource.status.state in ("Running", "Degraded"),
    )


def _build(change: Change, made: Modules) -> BuildView | None:
    """What would be known of the build; None: what the cluster knows of it."""
    tree = tree_of(change.after)
    if not tree or tree == tree_of(change.before):
        return None
    if made.failed is not None:
        message = str(problem_of(made.failed))
        return BuildView(BuildState.FAILED, tree=tree, reason="CompileError", message=message)
    return BuildView(BuildState.READY, sha256=made.after, size_bytes=made.size, tree=tree)


def _artifact(made: Modules) -> ArtifactView | None:
    if not made.note:
        return None
    return ArtifactView(ArtifactState.READY, sha256=made.after, size_bytes=made.size)
