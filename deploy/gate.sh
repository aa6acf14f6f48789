#!/bin/sh
# The gate as one step of a pipeline: `assay check` on what the environment names.
#
#   GATE_MODEL              the model (needed)
#   GATE_DATA GATE_POLICY   images and labels, and what is required of the model on them
#   GATE_WAIVERS            what is accepted until a date, in YAML
#   GATE_BASELINE           an earlier audit: its folder, its evidence.json, or its name in the service
#   GATE_SERVER             a running service, HOST:PORT; without it one is started on this machine
#   GATE_OUT                folder for the report's files (assay-out)
#   GATE_ON_INCONCLUSIVE    block (the default), or warn: an INCONCLUSIVE then ends with 0
#
# Ends with the exit code of `assay check`: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, others as README lists
# them. On GitHub it also adds the summary to the job's page and tells `verdict` and
# `evidence-digest`.
set -u

end() { # CODE MESSAGE
    printf 'gate: %s\n' "$2" >&2
    exit "$1"
}

[ -n "${GATE_MODEL:-}" ] || end 2 'GATE_MODEL names no model.'
inconclusive=${GATE_ON_INCONCLUSIVE:-block}
case $inconclusive in
    block | warn) ;;
    *) end 2 'GATE_ON_INCONCLUSIVE is neither block nor warn.' ;;
esac
command -v assay >/dev/null 2>&1 || end 4 'There is no assay here; install it in an earlier step.'

out=${GATE_OUT:-assay-out}
case $out in
    -*) out=./$out ;;
esac
if [ "${GATE_BASELINE:-}" -ef "$out" ] || [ "${GATE_BASELINE:-}" -ef "$out/evidence.json" ]; then
    end 2 'GATE_BASELINE lies in GATE_OUT, which is emptied first; keep it in another folder.'
fi
# A run that ends early writes nothing, and must not leave an earlier one's results as its own.
for name in evidence.json junit.xml report.html summary.md verdict.json; do
    rm -f "$out/$name" || end 4 'The results of an earlier run cannot be removed.'
done

# Each value is one word together with its option, so that none is taken for an option itself.
set -- "--out=$out"
[ -z "${GATE_DATA:-}" ] || set -- "$@" "--data=$GATE_DATA"
[ -z "${GATE_POLICY:-}" ] || set -- "$@" "--policy=$GATE_POLICY"
[ -z "${GATE_WAIVERS:-}" ] || set -- "$@" "--waivers=$GATE_WAIVERS"
[ -z "${GATE_BASELINE:-}" ] || set -- "$@" "--baseline=$GATE_BASELINE"
[ -z "${GATE_SERVER:-}" ] || set -- "$@" "--server=$GATE_SERVER"
code=0
assay check "$@" -- "$GATE_MODEL" || code=$?

# Another program of that name may end well too.
if [ "$code" -eq 0 ] && [ ! -f "$out/verdict.json" ]; then
    end 4 'The check ended well and left no verdict; is this assay the right one?'
fi
verdict=
case $code in
    0) verdict=PASS ;;
    1) verdict=FAIL ;;
    3) verdict=INCONCLUSIVE ;;
esac
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$out/summary.md" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    digest=
    if [ -f "$out/verdict.json" ]; then # one blank: the verdict's own, not that of a baseline in it
        digest=$(sed -n 's/^ "evidence_digest": *"\([0-9a-f]\{64\}\)".*/\1/p' "$out/verdict.json")
    fi
    [ "${#digest}" -eq 64 ] || digest=
    printf 'verdict=%s\nevidence-digest=%s\n' "$verdict" "$digest" >>"$GITHUB_OUTPUT"
fi

if [ "$code" -eq 3 ] && [ "$inconclusive" = warn ]; then
    [ -z "${GITHUB_ACTIONS:-}" ] || echo '::warning title=Assay::INCONCLUSIVE: the evidence settles neither.'
    echo 'gate: INCONCLUSIVE is let through as a warning.' >&2
    exit 0
fi
exit "$code"
