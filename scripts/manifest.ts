// SPDX-License-Identifier: Apache-2.0
/** Writes deploy/manifest.yaml, the chart with its default values in kube-system. --check only says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { renderChart } from './chart.ts'

const ROOT = resolve(import.meta.dirname, '..')
const MANIFEST = join(ROOT, 'deploy/manifest.yaml')
const HEAD = `# Evenkeel in the place of kube-proxy: docs/install.md. Made of deploy/helm/evenkeel by \`make manifest\`: change it there.
# Set at least the image; and once kube-proxy is gone, KUBERNETES_SERVICE_HOST and _PORT (apiServer.host of the chart).
`

const wanted = HEAD + renderChart(join(ROOT, 'deploy/helm/evenkeel'), { namespace: 'kube-system' })
if (!process.argv.includes('--check')) writeFileSync(MANIFEST, wanted)
else if (readFileSync(MANIFEST, 'utf8') !== wanted) {
  process.stderr.write('deploy/manifest.yaml is not what deploy/helm/evenkeel says: run make manifest\n')
  process.exitCode = 1
}
