import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonSchemas } from './json-schemas.ts';

/** `node client/generate-schemas.ts [folder]`: writes the JSON Schemas that editors read; default runbooks/schema. */
const folder = process.argv[2] ?? join(import.meta.dirname, '..', 'runbooks', 'schema');
await mkdir(folder, { recursive: true });
for (const { name, text } of jsonSchemas()) await writeFile(join(folder, name), text);
