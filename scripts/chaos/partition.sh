#!/bin/sh
# Cuts a zone's controllers and brokers off from everybody else's, by the network policies of k8s/base: a pod with this label is listed
# in none of them. Needs a network plug-in that enforces NetworkPolicy; one that judges new connections only cuts at the next one.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage "ZONE [SECONDS]"
zone=$1
seconds=${2:-60}
pods=$(pods_of_zone "$zone" | grep -E -- '-(controller|broker)-')

heal() {
  # shellcheck disable=SC2086 # a list
  k label $pods millrace/quarantine-
}
trap heal EXIT
say "cut off:" $pods
# shellcheck disable=SC2086 # a list
k label $pods millrace/quarantine=true --overwrite
sleep "$seconds"
heal
trap - EXIT
say "zone $zone is reached again"
wait_ready
