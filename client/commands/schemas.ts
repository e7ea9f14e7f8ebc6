import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stepKindNames, stepKinds } from '../../domain/step-kinds.ts';
import type { Ending } from '../exit-codes.ts';
import { jsonSchemas } from '../json-schemas.ts';
import type { Output } from '../output.ts';

/** Writes the JSON Schemas for editors, or lists the step kinds that runbooks are made of. */
export async function schemas(folder: string | undefined, output: Output): Promise<Ending> {
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    const files = jsonSchemas().map(({ name, text }) => ({ path: join(folder, name), text }));
    for (const { path, text } of files) await writeFile(path, text);
    output.json({ ok: true, files: files.map(({ path }) => path) });
    for (const { path } of files) output.line(path);
    return 'ok';
  }
  const schemaOf = Object.fromEntries(
    jsonSchemas().map(({ name, text }) => [name, JSON.parse(text) as unknown]),
  );
  output.json({ ok: true, stepKinds, schemas: schemaOf });
  for (const name of stepKindNames) {
    const { help, reversibility, graceful, forced, undoneBy } = stepKinds[name];
    output.line(`${name} (${reversibility}): ${help}`);
    output.line(`  graceful: ${graceful}`);
    output.line(`  forced: ${forced}`);
    output.line(`  undone by: ${undoneBy}`);
  }
  return 'ok';
}
