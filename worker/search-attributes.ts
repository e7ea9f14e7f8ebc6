import type { NativeConnection } from '@temporalio/worker';
import { searchAttributes, type SearchAttributeName } from '../domain/search-attributes.ts';

/** Temporal's number for the type Keyword (temporal.api.enums.v1.IndexedValueType). */
const keywordType = 2;

/**
 * Registers the search attributes that the namespace lacks. A workflow that sets an unregistered one cannot complete a
 * single task, so a worker that may not register them must not start.
 * @throws Error with the command that an administrator has to run
 */
export async function ensureSearchAttributes(connection: NativeConnection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const names = Object.keys(searchAttributes) as SearchAttributeName[];
  const wrong = names.filter((name) => (customAttributes[name] ?? keywordType) !== keywordType);
  if (wrong.length > 0) {
    throw new Error(
      `search attributes ${wrong.join(', ')} of namespace ${namespace}: expected type Keyword, seen another`,
    );
  }
  const missing = names.filter((name) => customAttributes[name] === undefined);
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keywordType])),
    });
  } catch (error) {
    if (isAlreadyThere(error)) return; // another worker was faster
    const options = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new Error(
      `namespace ${namespace} lacks search attributes and this worker may not add them; run: ` +
        `temporal operator search-attribute create --namespace ${namespace} ${options}`,
      { cause: error },
    );
  }
}

const alreadyExists = 6;
const isAlreadyThere = (error: unknown): boolean =>
  (error as { readonly code?: number }).code === alreadyExists;
