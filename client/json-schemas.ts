import { z } from 'zod';
import { inventorySchema } from '../domain/schema/inventory.ts';
import { runbookSchema } from '../domain/schema/runbook.ts';

export interface SchemaFile {
  readonly name: string;
  /** Whole file, with its last line break. */
  readonly text: string;
}

/** In a runbook, `${name}` may stand where its value will stand. */
const placeholder = { type: 'string', pattern: String.raw`^\$\{[a-z][A-Za-z0-9]*\}$` } as const;

/** JSON Schemas for editors, made from the schemas that siteshift itself validates with. */
export function jsonSchemas(): readonly SchemaFile[] {
  return [
    schemaFile('inventory.schema.json', z.toJSONSchema(inventorySchema, { io: 'input' })),
    schemaFile(
      'runbook.schema.json',
      z.toJSONSchema(runbookSchema, {
        io: 'input',
        override: ({ jsonSchema, path }) => {
          if (!path.includes('with') || path.at(-1) === 'with') return;
          const { type, enum: choices, pattern, description, ...limits } = jsonSchema;
          const isTyped = type === 'integer' || type === 'number' || type === 'boolean';
          const isLimited = type === 'string' && (choices !== undefined || pattern !== undefined);
          if (!isTyped && !isLimited) return;
          for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
          const exact = {
            type,
            ...(choices === undefined ? {} : { enum: choices }),
            ...(pattern === undefined ? {} : { pattern }),
            ...limits,
          };
          Object.assign(jsonSchema, {
            ...(description === undefined ? {} : { description }),
            anyOf: [exact, placeholder],
          });
        },
      }),
    ),
  ];
}

const schemaFile = (name: string, schema: object): SchemaFile => ({
  name,
  text: `${JSON.stringify(schema, null, 2)}\n`,
});
