import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ManifestOptions } from './commands/manifests.ts';
import type { Perform } from './perform.ts';

const service = '<namespace/service>';

function version(text: string): string {
  if (/^\d+\.\d+$/.test(text)) return text;
  throw new InvalidArgumentError('expected a version as the history shows it, e.g. 4.17');
}

/** `siteshift manifests …`: what services run, recorded so that another cluster can run it. */
export function addManifestVerbs(program: Command, perform: Perform): void {
  const group = program.command('manifests').description('the manifest store: record, look back, compare');
  const verb = (name: string, help: string) =>
    group.command(name).description(help).option('--store <name>', 'where the inventory has several');
  group
    .command('capture')
    .description('record what the cluster of a site runs now (the runbook capture-manifests)')
    .requiredOption('--at <site>', 'site whose cluster serves')
    .option('--reason <text>', 'why; kept in the record', 'manifests capture')
    .option('--by <name>', 'who asks (default: the user of this shell)')
    .action((options: { at: string; reason: string; by?: string }) =>
      perform(async (config, output) =>
        (await import('./commands/manifests.ts')).capture(config, options, output),
      ),
    );
  verb('history', 'the newest capture and its services; with a service: its versions, newest first')
    .argument('[namespace/service]')
    .option('--limit <number>', 'how many versions', (text) => Number.parseInt(text, 10), 20)
    .action((name: string | undefined, options: ManifestOptions) =>
      perform(async (config, output) =>
        (await import('./commands/manifests.ts')).history(config, name, options, output),
      ),
    );
  verb('show', 'the objects of a version')
    .argument(service)
    .option('--version <version>', 'default: the newest', version)
    .action((name: string, options: ManifestOptions) =>
      perform(async (config, output) =>
        (await import('./commands/manifests.ts')).show(config, name, options, output),
      ),
    );
  verb('diff', 'what differs between two versions')
    .argument(service)
    .option('--before <version>', 'default: the one before --after', version)
    .option('--after <version>', 'default: the newest', version)
    .action((name: string, options: ManifestOptions) =>
      perform(async (config, output) =>
        (await import('./commands/manifests.ts')).diff(config, name, options, output),
      ),
    );
}
