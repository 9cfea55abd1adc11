# Shared by the scripts in this folder: plain kubectl, nothing else. NAMESPACE is where Millrace runs, millrace unless set.
set -eu
NAMESPACE="${NAMESPACE:-millrace}"
ZONE_LABEL=topology.kubernetes.io/zone
READY_WITHIN="${READY_WITHIN:-300s}"

say() { echo "$(date -u +%H:%M:%S) $*"; }

k() { kubectl --namespace "$NAMESPACE" "$@"; }

usage() {
  echo "usage: $0 $*" >&2
  exit 2
}

nodes_of_zone() {
  nodes=$(kubectl get nodes --selector "$ZONE_LABEL=$1" --output name)
  [ -n "$nodes" ] || { echo "no node has the label $ZONE_LABEL=$1" >&2; exit 1; }
  echo "$nodes"
}

# Controllers, brokers and gateways on the nodes of a zone.
pods_of_zone() {
  for node in $(nodes_of_zone "$1"); do
    k get pods --selector 'app.kubernetes.io/component in (controller,broker,gateway)' --field-selector "spec.nodeName=${node#node/}" --output name
  done
}

# A broker is ready when its shards have leaders and its copies have caught up.
wait_ready() {
  # The sets have counted by then who is missing.
  sleep 2
  for set in statefulset/millrace-controller statefulset/millrace-broker deployment/millrace-gateway; do
    k rollout status "$set" --timeout "$READY_WITHIN"
  done
}
