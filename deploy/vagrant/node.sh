#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a machine a node: k3s without kube-proxy, with its own flannel. node.sh server|agent ADDRESS CONTROL
set -euo pipefail
role=$1 address=$2 control=$3
# Only for as long as the lab is there: it is no secret.
token=evenkeel-lab
release=${K3S_RELEASE:-v1.34.1+k3s1}

binary=k3s
[ "$(uname -m)" != aarch64 ] || binary=k3s-arm64
command -v curl >/dev/null || { apt-get update -q && apt-get install -y -q curl; }
if [ ! -x /usr/local/bin/k3s ]; then
	curl -fsSL -o /usr/local/bin/k3s "https://github.com/k3s-io/k3s/releases/download/${release/+/%2B}/$binary"
	chmod +x /usr/local/bin/k3s
fi

# Vagrant's first network is the same on every machine; the cluster is in the second.
device=$(ip -o -4 address show | awk -v wanted="$address/24" '$4 == wanted { print $2 }')
mkdir -p /etc/rancher/k3s
cat >/etc/rancher/k3s/config.yaml <<-CONFIG
	token: $token
	node-ip: $address
	flannel-iface: $device
CONFIG
if [ "$role" = server ]; then
	cat >>/etc/rancher/k3s/config.yaml <<-CONFIG
		disable-kube-proxy: true
		disable: [traefik, servicelb, metrics-server]
		cluster-cidr: 10.244.0.0/16
		service-cidr: 10.96.0.0/16
		cluster-dns: 10.96.0.10
	CONFIG
else
	echo "server: https://$control:6443" >>/etc/rancher/k3s/config.yaml
fi

cat >/etc/systemd/system/k3s.service <<-UNIT
	[Unit]
	Description=k3s
	Wants=network-online.target
	After=network-online.target

	[Service]
	Type=notify
	ExecStart=/usr/local/bin/k3s $role
	KillMode=process
	Delegate=yes
	LimitNOFILE=1048576
	TasksMax=infinity
	TimeoutStartSec=0
	Restart=always
	RestartSec=5

	[Install]
	WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable k3s
systemctl restart k3s
