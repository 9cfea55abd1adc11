#!/bin/sh
# Kills one pod after another, without a word of warning, each time when the one before is back.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage "TIMES [controller|broker|gateway]"
times=$1
component=${2:-}
selector="app.kubernetes.io/component in (${component:-controller,broker,gateway})"

count=0
while [ "$count" -lt "$times" ]; do
  for pod in $(k get pods --selector "$selector" --output name); do
    [ "$count" -lt "$times" ] || break
    count=$((count + 1))
    say "$count: killing $pod"
    k delete "$pod" --force --grace-period=0
    wait_ready
  done
done
