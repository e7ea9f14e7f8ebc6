import { readFileSync } from 'node:fs';

/** Own certificate, and the authority whose certificates are accepted from callers and peers alike. */
export interface TlsFiles {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export const readTlsFiles = (paths: { ca: string; cert: string; key: string }): TlsFiles => ({
  ca: readFileSync(paths.ca),
  cert: readFileSync(paths.cert),
  key: readFileSync(paths.key),
});
