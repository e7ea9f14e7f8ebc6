import { broughtByNobody } from '../../domain/kubernetes/brought-by-nobody.ts';
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
    readonly veleroNamespace: string;
    readonly stored: readonly StoredManifest[];
    readonly signal: AbortSignal;
  },
): Promise<readonly KubernetesFinding[]> {
  const { services, stored, veleroNamespace, signal } = options;
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
  const rules = { veleroNamespace, ...(services === undefined ? {} : { services }) };
  const byHand = broughtByNobody(backup.objects, rules).filter(({ object }) => !keys.has(keyOf(object)));
  const gone = new Set((await findMissing(primary, [...lost, ...byHand], signal)).missing);
  const findings = [
    {
      items: lost,
      remedy:
        'see what captures leave out, and whether services.selector, kinds and namespaces say what you mean',
    },
    {
      items: byHand,
      remedy:
        'no controller makes them and no restore brings them: give them an owner, have captures record them (services.kinds), or keep their manifests for that day',
    },
  ].flatMap(({ items, remedy }) => {
    const lacking = items.filter((item) => !gone.has(item)).map(itemKey);
    if (lacking.length === 0) return [];
    const shown = lacking.slice(0, SHOWN).join(', ') + (lacking.length > SHOWN ? ' …' : '');
    return [warning(what, `${lacking.length} objects of ${primary.name}: ${shown}`, remedy)];
  });
  return findings.length === 0 ? [good(what, `nothing that ${primary.name} has`)] : findings;
}
