#!/bin/sh
# Runs the verifier in the cluster for MINUTES and prints its report: start it, do harm with the other scripts, read. Ends with 0 only
# when nothing was lost, duplicated, reordered or altered.
. "$(dirname "$0")/lib.sh"
[ $# -le 1 ] || usage "[MINUTES]"
minutes=${1:-10}
manifests=$(dirname "$0")/../../k8s/chaos

k delete job/millrace-verify --ignore-not-found
kubectl kustomize "$manifests" | sed "s/--minutes=[0-9]*/--minutes=$minutes/" | k apply --filename -
# Refused until its container runs; ends when the container does.
tries=0
until k logs --follow job/millrace-verify; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || exit 2
  sleep 1
done
outcome=/
while [ "$outcome" = / ]; do
  outcome=$(k get job/millrace-verify --output 'jsonpath={.status.succeeded}/{.status.failed}')
  sleep 1
done
[ "$outcome" = 1/ ]
