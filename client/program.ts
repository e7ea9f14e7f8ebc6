import { Command, CommanderError, Option } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { addAnswerVerbs } from './answer-commands.ts';
import { reportFormats } from './report-formats.ts';
import type { ReportOptions } from './commands/report.ts';
import type { RunOptions } from './commands/run.ts';
import type { StatusOptions } from './commands/status.ts';
import { clientEnvironment, ConfigError, readClientConfig } from './config.ts';
import { CommandFailure, exitCodes } from './exit-codes.ts';
import type { Ending } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { addManifestVerbs } from './manifest-commands.ts';
import type { Perform } from './perform.ts';
import { withRequestOptions } from './request-options.ts';
import type { RequestOptions } from './request-options.ts';
import { addScheduleVerbs } from './schedule-commands.ts';

/**
 * Verbs over the client and the files; what they mean stands in docs/cli.md. Each loads its own code when it is called:
 * in an emergency, `run` must not wait for what only `check` needs.
 */
function createProgram(end: (ending: Ending) => void): Command {
  const program = new Command('siteshift')
    .description('Moves a deployment from one site to another, and proves afterwards what happened.')
    .option('--json', 'one JSON value on standard output instead of lines')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\n--version, as the only word, tells the version of siteshift.')
    .exitOverride();
  const perform: Perform = async (work) => {
    const output = createOutput(program.opts<{ json?: boolean }>().json === true);
    end(await work(readClientConfig(clientEnvironment()), output));
  };

  program
    .command('check')
    .description('check the inventory and every runbook; touches nothing')
    .option('--secrets', 'also try to read every secret from here', false)
    .action((options: { secrets: boolean }) =>
      perform(async (config, output) => (await import('./commands/check.ts')).check(config, options, output)),
    );
  withRequestOptions(
    program.command('plan').description('what a runbook would do to the systems as they are now'),
  )
    .argument('<runbook>')
    .action((runbook: string, options: RequestOptions) =>
      perform(async (config, output) =>
        (await import('./commands/plan.ts')).plan(config, runbook, options, output),
      ),
    );
  withRequestOptions(program.command('run').description('start a runbook for real, and follow it'))
    .argument('<runbook>')
    .option('--plan-digest <hex>', 'refuse to start anything but the plan with this digest')
    .option('--detach', 'only start it, and print its id')
    .addOption(
      new Option('--on-park <what>', 'when only a person can let it go on')
        .choices(['wait', 'exit'])
        .default(process.stdout.isTTY ? 'wait' : 'exit'),
    )
    .action((runbook: string, options: RunOptions) =>
      perform(async (config, output) =>
        (await import('./commands/run.ts')).run(config, runbook, options, output),
      ),
    );
  program
    .command('status')
    .description('where a run stands and what it waits for; without an id: which runs there are')
    .argument('[run]', 'workflow id of the run')
    .option('--watch', 'follow it until it is closed')
    .action((id: string | undefined, options: StatusOptions) =>
      perform(async (config, output) =>
        (await import('./commands/status.ts')).status(config, id, options, output),
      ),
    );
  addAnswerVerbs(program, (update, id, fields) =>
    perform(async (config, output) =>
      (await import('./commands/answer.ts')).answer(config, update, id, fields, output),
    ),
  );
  program
    .command('report')
    .description('the report of a run, made from its history alone')
    .argument('[run]', 'workflow id of the run')
    .addOption(new Option('--format <format>').choices([...reportFormats, 'all']).default('markdown'))
    .option('--output <path>', 'file to write, without extension')
    .option('--history <files...>', "exported histories: the run's, then that of failover/<domain>")
    .action((id: string | undefined, options: ReportOptions) =>
      perform(async (config, output) =>
        (await import('./commands/report.ts')).report(config, id, options, output),
      ),
    );
  addManifestVerbs(program, perform);
  addScheduleVerbs(program, perform);
  program
    .command('doctor')
    .description('what is missing on this machine or in this inventory, and what helps')
    .option('--no-precheck', 'do not ask the worker to look at databases and gateways')
    .action((options: { precheck: boolean }) =>
      perform(async (config, output) =>
        (await import('./commands/doctor.ts')).doctor(config, options, output),
      ),
    );
  program
    .command('schemas')
    .description('the step kinds; with --output, JSON Schemas for editors')
    .option('--output <folder>')
    .action((options: { output?: string }) =>
      perform(async (_, output) => (await import('./commands/schemas.ts')).schemas(options.output, output)),
    );
  return program;
}

/** Runs the command line. @returns the exit code; docs/cli.md has the table */
export async function main(words: readonly string[]): Promise<number> {
  let ending: Ending = 'ok';
  process.stdout.on('error', endWithReader);
  // Not an option of the program, which would take it from `manifests show --version V`.
  if (words.length === 1 && words[0] === '--version') {
    process.stdout.write(`${packageFile.version}\n`);
    return exitCodes.ok.code;
  }
  try {
    await createProgram((given) => {
      ending = given;
    }).parseAsync([...words], { from: 'user' });
  } catch (error) {
    ending = failureEnding(error, words.includes('--json'));
  }
  return exitCodes[ending].code;
}

/** `siteshift … | head` has read enough: end as a program that the signal SIGPIPE ends. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
}

function failureEnding(error: unknown, isJson: boolean): Ending {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 'ok';
    const message =
      error.code === 'commander.help' ? 'expected a command' : error.message.replace(/^error: /, '');
    createOutput(isJson).json({ ok: false, ending: 'usage', message }); // people have been told already
    return 'usage';
  }
  const isKnown = error instanceof CommandFailure || error instanceof ConfigError;
  const message =
    error instanceof Error ? (isKnown ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${message}\n`);
  const ending =
    error instanceof CommandFailure ? error.ending : error instanceof ConfigError ? 'usage' : 'problems';
  createOutput(isJson).json({ ok: false, ending, message });
  return ending;
}
