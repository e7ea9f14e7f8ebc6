#!/usr/bin/env node
// JavaScript on purpose: a first file in TypeScript has Node load its type stripper, which costs as much as all the rest
// of the start. What is imported below comes stripped and compiled out of the cache.
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// In the user's own folder: a cache that others can write to would be a way to run their code.
enableCompileCache(join(homedir(), '.cache', 'siteshift', 'compile-cache'));
const { main } = await import('./program.ts');
process.exitCode = await main(process.argv.slice(2));
