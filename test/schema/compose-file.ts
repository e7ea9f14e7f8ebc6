import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { goPrograms } from '../../lab/engines/build-go-programs.ts';
import { findProgram } from '../../lab/engines/find-program.ts';
import { runCommand } from '../../lab/engines/run-command.ts';
import { repositoryFile } from '../../lab/sites/start-worker.ts';

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

/** docker-compose.yml with its anchors and merge keys resolved, as Compose reads it. */
export const readComposeFile = (): ComposeFile =>
  parse(readFileSync(repositoryFile('docker-compose.yml'), 'utf8'), { merge: true }) as ComposeFile;

export function serviceOf(compose: ComposeFile, name: string): ComposeService {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
}

export const composeText = (path: string): string =>
  readFileSync(repositoryFile(`lab/compose/${path}`), 'utf8');

const specification = 'github.com/compose-spec/compose-go/v2@v2.16.2';

/** The Compose specification's own JSON Schema, out of the Go module of its reference implementation. */
export async function composeSchema(): Promise<object> {
  const go = findProgram(goPrograms);
  if (go === undefined) throw new Error('Go 1.26 or newer is missing; it fetches the Compose schema');
  const env = { GOWORK: 'off', GOFLAGS: '-mod=mod' };
  const answer = await runCommand(go, ['mod', 'download', '-json', specification], { cwd: tmpdir(), env });
  const { Dir } = JSON.parse(answer) as { Dir: string };
  const file = join(Dir, 'schema', 'compose-spec.json');
  if (!existsSync(file))
    throw new Error(`${specification}: expected schema/compose-spec.json in it, seen none`);
  return JSON.parse(readFileSync(file, 'utf8')) as object;
}
