#!/bin/sh
# A zone goes: its nodes take no pods, and all of ours there die at once. After SECONDS it is back, with its volumes.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage "ZONE [SECONDS]"
zone=$1
seconds=${2:-60}
nodes=$(nodes_of_zone "$zone")
pods=$(pods_of_zone "$zone")

uncordon() { for node in $nodes; do kubectl uncordon "$node"; done; }
trap uncordon EXIT
for node in $nodes; do kubectl cordon "$node"; done
say "zone $zone goes:" $pods
# shellcheck disable=SC2086 # a list
k delete $pods --force --grace-period=0
sleep "$seconds"
uncordon
trap - EXIT
say "zone $zone is back"
wait_ready
