#!/bin/sh
# Fills a broker's volume but for 64 MiB, less than what a broker keeps free for itself, and makes room again after SECONDS.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage "POD [SECONDS]"
pod=$1
seconds=${2:-60}

empty() { k exec "$pod" -- rm -f /data/chaos-filler; }
trap empty EXIT
k exec "$pod" -- sh -c 'free=$(df --output=avail --block-size=1M /data | tail -1); fallocate -l "$((free - 64))M" /data/chaos-filler; df -h /data'
say "the disk of $pod is full"
sleep "$seconds"
empty
trap - EXIT
say "the disk of $pod has room"
wait_ready
