import { checkRegisteredConsumer } from '../domain/datasource-messages.ts';
import type { RegisteredConsumer } from '../domain/datasource.ts';
import type { StepLog } from './tools.ts';

/** Entries that are none (another's, or of another version) are left out and named in the log. */
export function registeredConsumers(
  entries: readonly unknown[],
  datasource: string,
  log: StepLog,
): readonly RegisteredConsumer[] {
  return entries.flatMap((entry) => {
    try {
      const consumer = checkRegisteredConsumer(entry);
      return consumer.datasource === datasource ? [consumer] : [];
    } catch (error) {
      log.warn({ datasource, error: String(error) }, 'an entry in the registry is no consumer of ours');
      return [];
    }
  });
}
