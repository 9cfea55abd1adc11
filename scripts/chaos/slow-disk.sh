#!/bin/sh
# Makes a broker's disk slow by using it: writes and syncs beside the journal for SECONDS. How slow depends on the disk; for a set delay
# see k8s/chaos/chaos-mesh/slow-disk.yaml.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage "POD [SECONDS]"
pod=$1
seconds=${2:-60}

clean() { k exec "$pod" -- sh -c 'rm -f /data/chaos-slow-*'; }
trap clean EXIT
say "the disk of $pod is busy"
k exec "$pod" -- timeout "$seconds" sh -c '
  for writer in 1 2 3 4; do
    while :; do dd if=/dev/zero of=/data/chaos-slow-$writer bs=1M count=32 conv=fsync 2>/dev/null; done &
  done
  wait' || [ $? -eq 124 ]
clean
trap - EXIT
say "the disk of $pod has peace"
wait_ready
