import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const markdownIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));
const pages = ['.', 'docs', 'docs/adr', 'runbooks'].flatMap(markdownIn);
const read = (page: string) => readFileSync(join(root, page), 'utf8');

describe('the pages', () => {
  test.each(pages)('%s links to what exists', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^[a-z]+:/.test(target) && !target.startsWith('/'));
    expect(local.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  test('CONTRIBUTING.md names only files and folders that exist', () => {
    const named = [...read('CONTRIBUTING.md').matchAll(/`([a-z][\w-]*(?:\/[\w.-]*)+)`/g)].map(
      ([, path = '']) => path,
    );
    const paths = named.filter((path) => !path.includes('<'));
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('every decision stands in the index', () => {
    const index = read('docs/adr/README.md');
    const decisions = readdirSync(join(root, 'docs/adr')).filter((file) => /^\d{4}-/.test(file));
    const titleOf = (file: string) => /^# \d{4} (.+)$/m.exec(read(`docs/adr/${file}`))?.[1] ?? 'no title';
    const missing = decisions.filter(
      (file) => !index.includes(`(${file})`) || !index.includes(titleOf(file)),
    );
    expect(missing).toEqual([]);
  });
});
