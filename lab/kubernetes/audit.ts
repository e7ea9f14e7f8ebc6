import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** What the API server was asked to write by one user; a dry run has `dryRun=All` in its query. */
export interface AuditedWrite {
  readonly verb: string;
  readonly uri: string;
  readonly code: number;
}

/** Every write of the product's own identity, and nothing else: that is the witness of what a step touched. */
const POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'Metadata',
      users: ['siteshift'],
      verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
    },
    { level: 'None' },
  ],
};

const logIn = (folder: string): string => join(folder, 'audit.log');

/** Flags of an API server that keeps such a log in its folder. It writes each line before it answers. */
export function auditFlags(folder: string): Readonly<Record<string, string>> {
  const policy = join(folder, 'audit-policy.yaml');
  writeFileSync(policy, stringify(POLICY));
  return { 'audit-policy-file': policy, 'audit-log-path': logIn(folder) };
}

export function auditedWrites(folder: string): readonly AuditedWrite[] {
  const log = logIn(folder);
  if (!existsSync(log)) return []; // made with the first line
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const { verb, requestURI, responseStatus } = JSON.parse(line) as {
        readonly verb: string;
        readonly requestURI: string;
        readonly responseStatus?: { readonly code?: number };
      };
      return { verb, uri: requestURI, code: responseStatus?.code ?? 0 };
    });
}
