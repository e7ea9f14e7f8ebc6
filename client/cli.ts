#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the start. In the user's own folder: a cache that others can write to would be a way to run their code.
enableCompileCache(join(homedir(), '.cache', 'siteshift', 'compile-cache'));
const { main } = await import('./program.ts');
process.exitCode = await main(process.argv.slice(2));
