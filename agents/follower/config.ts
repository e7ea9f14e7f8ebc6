import { readFile } from 'node:fs/promises';

/**
 * The consumer's own way from a reference to its secret.
 * @throws Error that names the reference, never the value
 */
export async function resolveSecret(reference: string): Promise<string> {
  const [, kind, where] = /^(env|file):(.+)$/s.exec(reference) ?? [];
  if (where === undefined)
    throw new Error('secret: expected a reference env:NAME or file:PATH, seen something else');
  const value = kind === 'env' ? process.env[where] : await readSecretFile(where);
  if (value === undefined || value === '') throw new Error(`secret ${reference}: empty or not set`);
  return value;
}

async function readSecretFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trimEnd();
  } catch (cause) {
    throw new Error(`secret file:${path}: cannot be read`, { cause });
  }
}
