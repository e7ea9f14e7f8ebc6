import { readFile } from 'node:fs/promises';

const longestSecretBytes = 64 * 1024;

/**
 * Resolves a reference from the inventory: `env:NAME` from this process's environment, `file:PATH` from a file (a
 * mounted secret; one trailing line break is not part of it). Read at each use, so that a rotated secret is picked up.
 * @throws Error that names the reference, never the value
 */
export async function resolveSecret(reference: string): Promise<string> {
  const separator = reference.indexOf(':');
  const scheme = reference.slice(0, separator);
  const place = reference.slice(separator + 1);
  switch (scheme) {
    case 'env': {
      const value = process.env[place];
      if (value === undefined)
        throw new Error(`secret ${reference}: the environment of this process has no ${place}`);
      return value;
    }
    case 'file':
      return fromFile(reference, place);
    default:
      throw new Error(`secret: expected env:NAME or file:PATH, seen a reference that starts with neither`);
  }
}

async function fromFile(reference: string, path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`secret ${reference}: cannot read the file: ${error.code ?? error.message}`);
  });
  if (bytes.length > longestSecretBytes) {
    throw new Error(
      `secret ${reference}: expected at most ${longestSecretBytes} bytes, seen ${bytes.length}`,
    );
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
}
