#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# On the control machine, when all three are up: does a Service work from everywhere, and is nothing of kube-proxy needed?
set -euo pipefail
failed=0

kubectl() { k3s kubectl "$@"; }
fetch() { curl -fsS --max-time 3 "$@"; }
from_pod() { kubectl exec client -- wget -q -T 3 -O - "$1"; }

check() { # SENTENCE COMMAND...
	if "${@:2}" >/dev/null 2>&1; then
		echo "ok    $1"
	else
		echo "FAIL  $1"
		failed=1
	fi
}

refused() { # URL: not served, at once
	local status=0
	curl -s -o /dev/null --max-time 2 "$1" || status=$?
	# curl(1): 7 is a connection that was refused, 28 a time-out.
	[ "$status" = 7 ]
}

kubectl wait --for=condition=Ready nodes --all --timeout=300s
kubectl apply -f - <<'OBJECTS'
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: 4
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      containers:
        - name: hello
          image: busybox:1.37
          command: [sh, -c, 'mkdir /www; hostname >/www/index.html; exec httpd -f -p 8080 -h /www']
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 2 }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec:
  type: NodePort
  selector: { app: hello }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec:
  containers: [{ name: client, image: 'busybox:1.37', command: [sleep, infinity] }]
OBJECTS
kubectl scale deployment hello --replicas=4
kubectl rollout status deployment hello --timeout=300s
kubectl wait --for=condition=Ready pod client --timeout=300s

ip=$(kubectl get service hello -o 'jsonpath={.spec.clusterIP}')
port=$(kubectl get service hello -o 'jsonpath={.spec.ports[0].nodePort}')
check 'a node reaches the clusterIP' fetch "http://$ip/"
check 'a pod reaches the clusterIP' from_pod "http://$ip/"
check 'a pod reaches it by its name' from_pod http://hello.default.svc.cluster.local/
for node in 192.168.56.10 192.168.56.11 192.168.56.12; do
	check "the nodePort answers at $node" fetch "http://$node:$port/"
done
answered=$(for _ in $(seq 60); do fetch "http://$ip/" || :; done | sort -u | wc -l)
check "connections spread over 4 pods: $answered answered" [ "$answered" = 4 ]
kubectl scale deployment hello --replicas=0
kubectl wait --for=delete pod -l app=hello --timeout=120s
check 'without pods connections are refused' refused "http://$ip/"
check 'nothing of kube-proxy is here' /evenkeel/evenkeel migrate check
check 'the node passes every check that matters' /evenkeel/evenkeel preflight
exit $failed
