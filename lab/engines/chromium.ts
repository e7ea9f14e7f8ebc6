import { chromium, type Browser } from 'playwright-core';
import type { Say } from './cache.ts';
import { findOrInstall, type DebianProgram } from './debian.ts';

export const chromiumPrograms: DebianProgram = {
  program: ['chromium', 'chromium-browser', 'google-chrome'],
  variable: 'SITESHIFT_CHROMIUM',
  packages: ['chromium'],
};

/** SITESHIFT_CHROMIUM, the PATH, or the Debian package. */
export const obtainChromium = (say: Say): Promise<string> => findOrInstall({ ...chromiumPrograms, say });

/** No sandbox, because containers run as root; everything that would call home is off. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A headless browser of its own; it ends with `close()` or with this process. */
export const startChromium = (program: string): Promise<Browser> =>
  chromium.launch({ executablePath: program, args: ARGUMENTS });
