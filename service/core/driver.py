"""The course of one audit: which shard comes next, and what is committed.

``plan`` lists every unit that may run and is not done; the driver commits the first and asks
again, so the outcome depends on no worker count and no order of finishing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jsonschema

from analyzers.contract import (
    Analyzer,
    Case,
    Depth,
    Digest,
    Done,
    Json,
    Measurement,
    Rows,
    Shard,
    Stop,
    Tally,
    Unit,
)
from service.core.policy import Policy
from service.errors import AssayError, Code


@dataclass(frozen=True)
class Instance:
    """An analyzer with the config it runs under in this audit."""

    key: str
    analyzer: Analyzer
    config: Mapping[str, Json]


@dataclass(frozen=True)
class Step:
    """One unit of one instance, with the shard that names its result."""

    instance: Instance
    unit: Unit
    shard: Shard


def instances_for(
    catalogue: Sequence[Analyzer],
    policy: Policy | None,
    wanted: Mapping[str, Mapping[str, Json]] | None = None,
) -> list[Instance]:
    """What runs: every analyzer once, and every attack once for each threat it serves.

    ``wanted`` (id to config) configures analyzers, and without a policy names all that run.
    """
    known = {one.description.id for one in catalogue}
    for name in wanted or {}:
        if name not in known:
            raise AssayError(
                Code.ANALYZER_UNKNOWN,
                f"There is no analyzer named '{name[:80]}'.",
                f"Use one of: {', '.join(sorted(known))}.",
            )
    found: dict[str, Instance] = {}
    asked = _asked(catalogue, policy, set(wanted or ()))
    for analyzer in sorted(catalogue, key=lambda one: not one.description.first):
        if analyzer.description.id not in asked:
            continue
        config = dict((wanted or {}).get(analyzer.description.id, {}))
        found.update((one.key, one) for one in _instances_of(analyzer, config, policy))
    return list(found.values())


def _asked(catalogue: Sequence[Analyzer], policy: Policy | None, wanted: set[str]) -> set[str]:
    """Ids of what runs: what is wanted, else what runs unasked, and whatever those need."""
    if policy is None and wanted:
        asked = wanted
    else:
        unasked = (one.description for one in catalogue if not one.description.on_demand)
        asked = wanted | {one.id for one in unasked}
    for one in reversed(catalogue):  # needs lie before whoever has them
        if one.description.id in asked:
            asked = asked | set(one.description.needs)
    return asked


def _instances_of(
    analyzer: Analyzer, config: Mapping[str, Json], policy: Policy | None
) -> list[Instance]:
    told = analyzer.description
    threats = {rule.threat for rule in (policy.threats.values() if policy else ())}
    serves = sorted((one for one in threats if one.norm in told.threats), key=lambda one: one.text)
    configs: list[Mapping[str, Json]] = [one.as_config() for one in serves]
    if not told.threats or config:
        _check_config(analyzer, config)
        configs.append(_with_defaults(analyzer, config))
    return [Instance(_key(told.id, one), analyzer, one) for one in configs]


def _with_defaults(analyzer: Analyzer, config: Mapping[str, Json]) -> Mapping[str, Json]:
    """The config with what its schema presumes, so that one meaning has one key."""
    known: Mapping[str, Mapping[str, Json]] = analyzer.description.schema.get("properties", {})
    presumed = {name: one["default"] for name, one in known.items() if "default" in one}
    return {**presumed, **config}


def threat_id(config: Mapping[str, Json]) -> str:
    """The threat that a config is for; empty where it is for none."""
    names = ("norm", "eps", "knowledge", "budget")
    return ":".join(str(config[name]) for name in names if name in config)


def _key(analyzer_id: str, config: Mapping[str, Json]) -> str:
    threat = threat_id(config)
    return f"{analyzer_id}@{threat}" if threat else analyzer_id


def _check_config(analyzer: Analyzer, config: Mapping[str, Json]) -> None:
    try:
        jsonschema.validate(dict(config), dict(analyzer.description.schema))
    except jsonschema.ValidationError as error:
        raise AssayError(
            Code.CONFIG_INVALID,
            f"The config of {analyzer.description.id} is wrong: {error.message[:200]}.",
            "Ask the service for its capabilities: they hold the schema of each config.",
        ) from error


class Course:
    """Everything committed so far, and what may run next. Holds no clock and does no I/O."""

    def __init__(
        self,
        case: Case,
        instances: Sequence[Instance],
        *,
        seed: int,
        engine: str,
        stops: Mapping[str, Sequence[Stop]],
    ) -> None:
        """Begin with nothing done: every audit replays from here, with the cache answering."""
        self.case = case
        self.instances = list(instances)
        self.seed = seed
        self.engine = engine
        self._stops = stops
        self._done: dict[str, list[Done]] = {one.key: [] for one in instances}
        self._abandoned: dict[str, str] = {}
        """Why an analyzer that only explains was given up, by its key."""
        self._known: list[Step] | None = None
        """What is ready, until something is committed: planning reads all that is done."""
        # Plans and sums are pure, so each stands until something that it reads is committed.
        self._plans: dict[str, Sequence[Unit]] = {}
        self._sums: dict[str, Sequence[Measurement]] = {}
        self._ends: dict[str, bool] = {}

    def ready(self, ahead: int = 1) -> list[Step]:
        """The next steps, the first of which may be committed; empty when the audit is over."""
        if self._known is None:
            self._known = self._planned()
        return self._known[:ahead]

    def _planned(self) -> list[Step]:
        for instance in self.instances:
            units = self._owed(instance)
            if units:
                return [self._step(instance, unit) for unit in units]
        return []

    def unfinished(self) -> list[Instance]:
        """Whatever still owes a unit, as far as is known."""
        return [one for one in self.instances if self._owed(one)]

    def _owed(self, instance: Instance) -> Sequence[Unit]:
        if instance.key not in self._plans:
            self._plans[instance.key] = self._plan(instance)
        return self._plans[instance.key]

    def _plan(self, instance: Instance) -> Sequence[Unit]:
        if instance.key in self._abandoned:
            return ()
        if instance.analyzer.description.vouches and self._failed(instance):
            return ()
        done, stops = self._done[instance.key], self._stops.get(instance.key, ())
        return instance.analyzer.plan(self._case_of(instance), instance.config, done, stops)

    def _case_of(self, instance: Instance) -> Case:
        """The case with what an analyzer needs: results and blobs of whoever ended of its kind."""
        needs = instance.analyzer.description.needs
        needed: dict[str, Sequence[Done]] = {}
        inputs: dict[str, dict[Rows, Digest]] = {}
        for other in self.instances if needs else ():
            if other.analyzer.description.id in needs and self._ended(other):
                needed[other.key] = self.done(other)
                for one in needed[other.key]:
                    for name, blob in one.blobs.items():
                        inputs.setdefault(f"{other.key}/{name}", {})[one.unit.rows] = blob
        return replace(self.case, inputs=inputs, needed=needed) if needed else self.case

    def _ended(self, instance: Instance) -> bool:
        """Whether nothing of it is left to run: blobs are handed on whole or not at all."""
        if instance.key in self._abandoned:
            return False
        if instance.key not in self._ends:
            done, stops = self._done[instance.key], self._stops.get(instance.key, ())
            left = instance.analyzer.plan(self.case, instance.config, done, stops)
            self._ends[instance.key] = not left
        return self._ends[instance.key]

    def _failed(self, instance: Instance) -> bool:
        """Whether every requirement on the threat of an instance has failed already."""
        stops = self._stops.get(instance.key, ())
        found = [
            one
            for other in self.instances
            if other.config == instance.config and not other.analyzer.description.vouches
            for one in self.measurements(other)
            if one.outcome == "measured"
        ]
        deep = self.case.data.eight_bit
        return bool(stops) and all(
            any(_fails(stop, one, stop.depth if deep else "float32") for one in found)
            for stop in stops
        )

    def _step(self, instance: Instance, unit: Unit) -> Step:
        told = instance.analyzer.description
        shard = Shard(
            analyzer=told.id,
            version=told.version,
            config=instance.config,
            subject=self.case.subject.digest,
            data=self.case.data.digest,
            rows=unit.rows,
            params=unit.params,
            inputs=unit.inputs,
            seed=self.seed,
            engine=self.engine,
        )
        return Step(instance, unit, shard)

    def commit(self, step: Step, done: Done) -> None:
        """Add a verified result; only the first ready step may be committed."""
        first = self.ready()
        if not first or first[0].shard != step.shard:
            message = f"{step.instance.key} {step.unit.rows} is not the next step of this course"
            raise ValueError(message)
        self._done[step.instance.key].append(done)
        self._forget(step.instance)

    def abandon(self, instance: Instance, why: str) -> None:
        """Go on without an analyzer that only explains; it says why it has no numbers."""
        if not instance.analyzer.description.explains:
            message = f"{instance.key} decides, so there is no going on without it"
            raise ValueError(message)
        self._abandoned[instance.key] = why
        self._forget(instance)

    def _forget(self, instance: Instance) -> None:
        """Drop what was known of an instance, and of all that read others beside themselves."""
        self._known = None
        self._ends.pop(instance.key, None)
        for one in self.instances:
            told = one.analyzer.description
            if one is instance or told.needs or told.vouches:
                self._plans.pop(one.key, None)
                self._sums.pop(one.key, None)

    def done(self, instance: Instance) -> Sequence[Done]:
        """What is committed of one instance, in order."""
        return tuple(self._done[instance.key])

    def measurements(self, instance: Instance) -> Sequence[Measurement]:
        """What the committed units of one instance add up to."""
        if instance.key not in self._sums:
            self._sums[instance.key] = self._added_up(instance)
        return self._sums[instance.key]

    def _added_up(self, instance: Instance) -> Sequence[Measurement]:
        if instance.key in self._abandoned:
            why, specs = self._abandoned[instance.key], instance.analyzer.description.metrics
            return [Measurement(one.name, "error", grade=one.grade, note=why) for one in specs]
        case = self._case_of(instance)
        return instance.analyzer.merge(case, instance.config, self._done[instance.key])


def _fails(stop: Stop, one: Measurement, depth: Depth) -> bool:
    """Whether what was measured settles a FAIL."""
    meant = one.metric == stop.metric and one.scope.get("depth", depth) == depth
    return meant and stop.fails(Tally(**one.counts))
