import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Authority {
  /** The path of its certificate, in PEM. */
  readonly file: string;
  /** Writes name.crt and name.key, for a server that is reached under this subjectAltName. */
  issue(name: string, subjectAltName: string): { readonly cert: string; readonly key: string };
}

/** A certificate authority of the test's own, made by openssl in the directory. */
export function createAuthority(directory: string, authority: string): Authority {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const path = (name: string): string => join(directory, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${authority}`, '-keyout', `${authority}.key`, '-out', `${authority}.crt`); // prettier-ignore
  return {
    file: path(`${authority}.crt`),
    issue(name, subjectAltName) {
      writeFileSync(path(`${name}.ext`), `subjectAltName=${subjectAltName}\n`);
      openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
      openssl('x509', '-req', '-in', `${name}.csr`, '-days', '2', '-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-extfile', `${name}.ext`, '-out', `${name}.crt`); // prettier-ignore
      return { cert: path(`${name}.crt`), key: path(`${name}.key`) };
    },
  };
}
