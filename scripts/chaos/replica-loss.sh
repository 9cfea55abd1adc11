#!/bin/sh
# A broker's pod and its volume are gone for good; it comes back empty and is filled from the others.
. "$(dirname "$0")/lib.sh"
[ $# -eq 1 ] || usage "POD, e.g. millrace-broker-2"
pod=$1
claim=data-$pod
node=$(k get "pod/$pod" --output 'jsonpath={.spec.nodeName}')

# While the node takes no pods, the new pod cannot hold on to the claim that is being deleted.
kubectl cordon "node/$node"
trap 'kubectl uncordon "node/$node"' EXIT
k delete "pvc/$claim" --wait=false
k delete "pod/$pod" --force --grace-period=0
until [ -z "$(k get "pvc/$claim" --ignore-not-found --output name)" ]; do sleep 1; done
# This one was made while the claim was going: the next is made with a claim of its own.
k delete "pod/$pod" --force --grace-period=0 --ignore-not-found
kubectl uncordon "node/$node"
trap - EXIT
say "$pod starts on an empty disk"
wait_ready
