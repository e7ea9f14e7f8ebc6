import { good, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { keyOf } from '../../domain/kubernetes/object.ts';
import { itemKey } from '../../domain/kubernetes/restore-plan.ts';
import { serviceRule } from '../../domain/kubernetes/services.ts';
import { isCaptured } from '../../domain/kubernetes/strip.ts';
import { hasNameOfOurs } from '../../domain/kubernetes/virtual-service.ts';
import type { CapturedServices } from '../../domain/schema/kubernetes.ts';
import type { ReadableBackup } from './backup-content.ts';
import type { KubernetesClient } from './client.ts';
import { findMissing } from './presence.ts';

const SHOWN = 10;

/**
 * What would come from nowhere: a restore leaves it to the manifest store, and the store does not have it. Objects that
 * the primary has dropped since the backup are no loss.
 */
export async function inspectGaps(
  primary: KubernetesClient,
  backup: Pick<ReadableBackup, 'facts' | 'objects'>,
  options: {
    readonly services: CapturedServices | undefined;
    readonly stored: readonly StoredManifest[];
    readonly signal: AbortSignal;
  },
): Promise<readonly KubernetesFinding[]> {
  const { services, stored, signal } = options;
  const what = `what neither ${backup.facts.name} nor the manifest store brings back`;
  const isOfServices = services === undefined ? () => false : serviceRule(services);
  const keys = new Set(stored.map(({ object }) => keyOf(object)));
  const lost = backup.objects.filter(
    ({ resource, object, isShifted }) =>
      !(isShifted === true && hasNameOfOurs(object)) &&
      (resource === 'services.serving.knative.dev' || isOfServices(object)) &&
      isCaptured(object) &&
      !keys.has(keyOf(object)),
  );
  const gone = new Set((await findMissing(primary, lost, signal)).missing);
  const lacking = lost.filter((item) => !gone.has(item)).map(itemKey);
  if (lacking.length === 0) return [good(what, `nothing that ${primary.name} has`)];
  const shown = lacking.slice(0, SHOWN).join(', ') + (lacking.length > SHOWN ? ' …' : '');
  return [
    warning(
      what,
      `${lacking.length} objects of ${primary.name}: ${shown}`,
      'see what captures leave out, and whether services.selector, kinds and namespaces say what you mean',
    ),
  ];
}
