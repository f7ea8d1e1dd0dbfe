#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent from this checkout, as a unit of systemd: no image is needed, and `vagrant rsync` with a restart is a new version. It reads
# the API server with the kubelet's credentials, over k3s's own way there (127.0.0.1:6444 on workers). evenkeel.sh server|agent
set -euo pipefail
role=$1
kubeconfig=/var/lib/rancher/k3s/agent/kubelet.kubeconfig

# Nodes may not list endpointslices and others' nodes by themselves. The role is that of deploy/manifest.yaml.
if [ "$role" = server ]; then
	until k3s kubectl get --raw /readyz >/dev/null 2>&1; do sleep 1; done
	awk 'BEGIN { RS = "---\n" } /\nkind: ClusterRole\n/' /evenkeel/deploy/manifest.yaml | k3s kubectl apply -f -
	k3s kubectl create clusterrolebinding evenkeel-of-nodes --clusterrole=evenkeel --group=system:nodes \
		--dry-run=client -o yaml | k3s kubectl apply -f -
fi

cat >/etc/systemd/system/evenkeel.service <<-UNIT
	[Unit]
	Description=Evenkeel: Kubernetes Services
	After=k3s.service

	[Service]
	ExecStartPre=/bin/sh -c 'until [ -s $kubeconfig ]; do sleep 1; done'
	ExecStart=/evenkeel/evenkeel run --kubeconfig $kubeconfig
	Restart=always
	RestartSec=2

	[Install]
	WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable evenkeel
systemctl restart evenkeel
