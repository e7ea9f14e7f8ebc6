import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadPrograms } from '../../lab/kubernetes/download-program.ts';

const program = '#!/bin/sh\nexit 0\n';
const sum = createHash('sha256').update(program).digest('hex');
let cache: string;
let site: Server;
let files: Record<string, string>;
let said: string[];

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'siteshift-cache-'));
  vi.stubEnv('SITESHIFT_CACHE', cache);
  files = {};
  said = [];
  site = createServer((request, response) => {
    const body = files[request.url ?? ''];
    response.statusCode = body === undefined ? 404 : 200;
    response.end(body);
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
});

afterEach(() => {
  vi.unstubAllEnvs();
  site.closeAllConnections();
  site.close();
  rmSync(cache, { recursive: true });
});

const download = (url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/tool`) =>
  downloadPrograms({ name: 'tool', version: '1.0', programs: { tool: url } }, (line) => said.push(line));

describe('downloadPrograms', () => {
  it('keeps a program whose checksum fits, ready to run', async () => {
    files = { '/tool': program, '/tool.sha256': `${sum}  tool\n` };
    expect(await download()).toBe(true);
    const file = join(cache, 'tool-1.0', 'bin', 'tool');
    expect(readFileSync(file, 'utf8')).toBe(program);
    expect(statSync(file).mode & 0o111).toBe(0o111);
  });

  it('throws and keeps nothing when the checksum differs', async () => {
    files = { '/tool': `${program}# changed\n`, '/tool.sha256': sum };
    await expect(download()).rejects.toThrow(`expected SHA-256 ${sum}`);
    expect(existsSync(join(cache, 'tool-1.0'))).toBe(false);
  });

  it.each([
    ['there is no checksum', {}],
    ['a page of some proxy stands in its place', { '/tool.sha256': '<html>blocked</html>' }],
  ])('goes without it when %s', async (_, served) => {
    files = served;
    expect(await download()).toBe(false);
    expect(said).toEqual(['the official download of tool 1.0 cannot be had from here']);
  });

  it('goes without it when nobody answers', async () => {
    expect(await download('http://127.0.0.1:1/tool')).toBe(false);
  });
});
