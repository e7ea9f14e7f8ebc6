import { repositoryFile } from './sites/start-worker.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** For a shell in any folder: the lab's addresses, and the word `siteshift`, so that the commands a run prints can be pasted. */
export function cliLines(environment: { readonly [name: string]: string | undefined }): readonly string[] {
  const node = quoted(repositoryFile('node_modules/.bin/node'));
  return [
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quoted(value ?? '')}`),
    `siteshift() { ${node} ${quoted(repositoryFile('client/cli.js'))} "$@"; }`,
  ];
}
