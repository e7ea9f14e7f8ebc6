import { readFileSync } from 'node:fs';
import { Load, type LoadOptions } from './load.ts';

// node lab/writer/main.ts CONFIG.json: writes until SIGTERM; prints its counters as a JSON line every 200 ms.
const [configFile] = process.argv.slice(2);
if (configFile === undefined)
  throw new Error('lab/writer/main.ts: expected the path of a JSON config, saw no argument');

const load = new Load(JSON.parse(readFileSync(configFile, 'utf8')) as LoadOptions);
load.start();
const printing = setInterval(() => process.stdout.write(`${JSON.stringify(load.counters)}\n`), 200);

// Whoever started it is gone: so is the reason to write.
process.stdout.on('error', () => process.exit(1));

process.once('SIGTERM', () => {
  void load.stop().then(() => {
    clearInterval(printing);
    process.stdout.write(`${JSON.stringify(load.counters)}\n`);
  });
});
