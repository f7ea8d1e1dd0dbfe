// SPDX-License-Identifier: Apache-2.0
/** A certificate authority of the test's own, made by openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Signed {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: Buffer
  readonly key: Buffer
}

export interface Authority {
  readonly file: string
  readonly certificate: Buffer
  /** `addresses` are those that a server of this name has. */
  readonly sign: (name: string, addresses?: readonly string[]) => Signed
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']

export function makeAuthority(folder: string, name: string): Authority {
  const path = (file: string) => join(folder, `${name}-${file}`)
  const file = path('ca.crt')
  openssl('req', '-x509', ...KEY, '-keyout', path('ca.key'), '-out', file, '-subj', `/CN=${name}`)
  return {
    file,
    certificate: readFileSync(file),
    sign(subject, addresses = ['127.0.0.1']) {
      const [certFile, keyFile, request, extensions] = ['crt', 'key', 'csr', 'ext'].map(end =>
        path(`${subject}.${end}`),
      )
      writeFileSync(extensions!, `subjectAltName=${addresses.map(address => `IP:${address}`).join()}`)
      openssl('req', '-new', ...KEY, '-keyout', keyFile!, '-out', request!, '-subj', `/CN=${subject}`)
      const by = ['-CA', file, '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', extensions!]
      openssl('x509', '-req', '-in', request!, ...by, '-out', certFile!)
      return { certFile: certFile!, keyFile: keyFile!, cert: readFileSync(certFile!), key: readFileSync(keyFile!) }
    },
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
