# The check of action.yml: SCENARIOS, OPTIONS and BASELINE are its inputs.
# What was found is in files, also where the check fails.
set -uo pipefail
folder="$RUNNER_TEMP/wakeproof"
mkdir -p "$folder"
echo "folder=$folder" >>"$GITHUB_OUTPUT"
# the words of an input are separated by spaces; none of them is a pattern
read -r -a words <<<"$SCENARIOS $OPTIONS"
[ -z "$BASELINE" ] || words+=(--baseline "$BASELINE")
wakeproof check "${words[@]}" --annotations --json "$folder/results.json" \
  --junit "$folder/junit.xml" --sarif "$folder/wakeproof.sarif" --summary "$folder/summary.md"
status=$?
[ ! -f "$folder/summary.md" ] || cat "$folder/summary.md" >>"$GITHUB_STEP_SUMMARY"
exit "$status"
