import type { ExpandContext, Expanded } from '../expand-context.ts';
import type { Json } from '../json.ts';
import type { KubernetesStepKind, KubernetesStepWith } from '../schema/kubernetes-step-with.ts';
import { chosenEntry, chosenLocation, clustersOfSite, namesOf } from './select-clusters.ts';
import { kubernetesStepKinds } from './step-kinds.ts';
import type {
  ApplyManifestsParameters,
  CaptureManifestsParameters,
  PrepareStandbyParameters,
  RehearseKubernetesParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
  ShiftMeshParameters,
} from './parameters.ts';

type Expander<Kind extends KubernetesStepKind> = (
  what: KubernetesStepWith<Kind>,
  context: ExpandContext,
) => readonly Expanded[];

function expanded(kind: KubernetesStepKind, target: string, title: string, parameters: object): Expanded {
  return {
    target,
    title,
    parameters: parameters as Json,
    reversibility: kubernetesStepKinds[kind].reversibility,
  };
}

const scaleOutNodes: Expander<'scaleOutNodes'> = ({ to, store: wanted }, context) => {
  const found = clustersOfSite(context, 'to', to);
  if (found === undefined) return [];
  const stores = Object.keys(found.section.manifestStores);
  const isUnclear = wanted === undefined && stores.length !== 1;
  const store = isUnclear ? undefined : chosenEntry(found.section.manifestStores, wanted, context, 'store');
  const steps = found.clusters.flatMap(([clusterName, cluster]) =>
    Object.entries(cluster.nodePools).map(([poolName, pool]) => {
      const hook = pool.hook === undefined ? undefined : context.inventory.hooks[pool.hook];
      const parameters: ScaleOutNodesParameters = {
        clusterName,
        cluster,
        poolName,
        pool,
        ...(hook === undefined ? {} : { hook: hookOf(hook) }),
        ...(store === undefined ? {} : { store: store[1] }),
      };
      const title = `Scale ${clusterName}/${poolName} to ${pool.nodes} nodes`;
      return expanded('scaleOutNodes', `${clusterName}-${poolName}`, title, parameters);
    }),
  );
  if (steps.length === 0) context.note(`the clusters in ${to} have no node pools in the inventory`);
  else if (isUnclear)
    context.note(
      `nodes and quotas are compared with no manifests: of ${stores.length} manifest stores the step names none`,
    );
  return steps;
};

const hookOf = ({ url, token, timeoutMs }: ExpandContext['inventory']['hooks'][string]) => ({
  url,
  timeoutMs,
  ...(token === undefined ? {} : { token }),
});

const restoreBackup: Expander<'restoreBackup'> = ({ to, from, location: wanted, ...limits }, context) => {
  const found = clustersOfSite(context, 'to', to);
  if (found === undefined) return [];
  const writers = from === undefined ? undefined : namesOf(clustersOfSite(context, 'from', from));
  const location = chosenLocation(found, { wanted, writers }, context);
  if (location === undefined) return [];
  const { services } = found.section;
  return found.clusters.map(([clusterName, cluster]) => {
    const parameters: RestoreBackupParameters = {
      clusterName,
      cluster,
      locationName: location[0],
      location: location[1],
      ...(writers === undefined ? {} : { writers }),
      ...(services === undefined ? {} : { services }),
      ...limits,
    };
    const missing = `Restore what ${clusterName} lacks of the newest good backup in ${location[0]}`;
    const title = limits.existing === 'update' ? `${missing}, update what differs` : missing;
    return expanded('restoreBackup', clusterName, title, parameters);
  });
};

const applyManifests: Expander<'applyManifests'> = ({ to, store: wanted, ...rest }, context) => {
  const found = clustersOfSite(context, 'to', to);
  if (found === undefined) return [];
  const store = chosenEntry(found.section.manifestStores, wanted, context, 'store');
  if (store === undefined) return [];
  return found.clusters.map(([clusterName, cluster]) => {
    const parameters: ApplyManifestsParameters = {
      clusterName,
      cluster,
      storeName: store[0],
      store: store[1],
      ...rest,
    };
    const title = `Apply the newest stored manifest of every service to ${clusterName} (store ${store[0]})`;
    return expanded('applyManifests', clusterName, title, parameters);
  });
};

const shiftMesh: Expander<'shiftMesh'> = ({ to, hosts, canary }, context) => {
  const found = clustersOfSite(context, 'to', to);
  if (found === undefined) return [];
  const { section, clusters } = found;
  const unknown = hosts.filter((host) => section.meshHosts[host] === undefined);
  if (unknown.length > 0) {
    context.refuse(
      ['hosts'],
      `hosts of the inventory: ${Object.keys(section.meshHosts).join(', ')}`,
      unknown.join(', '),
    );
    return [];
  }
  const meant = Object.entries(section.meshHosts).filter(
    ([host]) => hosts.length === 0 || hosts.includes(host),
  );
  if (meant.length === 0) context.note('the inventory has no meshHosts');
  // A canary is a service of one host's namespace: for all hosts at once it would be a mistake as a rule.
  if (canary !== undefined && meant.length > 1) {
    context.refuse(['canary'], 'one host in `hosts`', meant.map(([host]) => host).join(', '));
    return [];
  }
  return clusters.flatMap(([clusterName, cluster]) =>
    meant.map(([host, mesh]) => {
      const parameters: ShiftMeshParameters = {
        clusterName,
        cluster,
        host,
        mesh,
        ...(canary === undefined ? {} : { canary }),
      };
      const title = `Send ${partOf(canary)}${host} to ${mesh.namespace}/${canary?.service ?? mesh.service} in ${clusterName}`;
      return expanded('shiftMesh', `${clusterName}-${host}`, title, parameters);
    }),
  );
};

type Canary = NonNullable<KubernetesStepWith<'shiftMesh'>['canary']>;

function partOf(canary: Canary | undefined): string {
  if (canary === undefined) return '';
  return canary.header === undefined
    ? `${canary.percent ?? 0} % of `
    : `requests with ${canary.header.name} for `;
}

const captureManifests: Expander<'captureManifests'> = ({ at, store: wanted }, context) => {
  const found = clustersOfSite(context, 'at', at);
  const services = found?.section.services;
  if (found !== undefined && services === undefined)
    context.note('the inventory does not say what belongs to services (kubernetes.services)');
  if (found === undefined || services === undefined) return [];
  const store = chosenEntry(found.section.manifestStores, wanted, context, 'store');
  if (store === undefined) return [];
  return found.clusters.map(([clusterName, cluster]) => {
    const parameters: CaptureManifestsParameters = {
      clusterName,
      cluster,
      storeName: store[0],
      store: store[1],
      domain: context.inventory.domain,
      services,
    };
    const title = `Record the manifests of every service of ${clusterName} in the store ${store[0]}`;
    return expanded('captureManifests', clusterName, title, parameters);
  });
};

const prepareStandby: Expander<'prepareStandby'> = ({ to, location: wanted }, context) => {
  const found = clustersOfSite(context, 'to', to);
  if (found === undefined) return [];
  const location = chosenLocation(found, { wanted }, context);
  if (location === undefined) return [];
  const [locationName, settings] = location;
  return found.clusters.map(([clusterName, cluster]) => {
    const parameters: PrepareStandbyParameters = { clusterName, cluster, locationName, location: settings };
    const title = `Install the definitions that ${clusterName} lacks of the newest backup in ${locationName}`;
    return expanded('prepareStandby', clusterName, title, parameters);
  });
};

const rehearseKubernetes: Expander<'rehearseKubernetes'> = (
  { from, to, location: wantedLocation, store: wantedStore, onConflict },
  context,
) => {
  const primary = clustersOfSite(context, 'from', from)?.clusters[0];
  const found = primary === undefined ? undefined : clustersOfSite(context, 'to', to);
  if (primary === undefined || found === undefined) return [];
  const { section, clusters } = found;
  const location = chosenLocation(found, { wanted: wantedLocation, writers: [primary[0]] }, context);
  const store = chosenEntry(section.manifestStores, wantedStore, context, 'store');
  if (location === undefined || store === undefined) return [];
  const { services } = section;
  return clusters.map(([name, cluster]) => {
    const parameters: RehearseKubernetesParameters = {
      primary: { name: primary[0], cluster: primary[1] },
      standby: { name, cluster },
      locationName: location[0],
      location: location[1],
      storeName: store[0],
      store: store[1],
      nodePools: cluster.nodePools,
      onConflict,
      ...(services === undefined ? {} : { services }),
    };
    return expanded(
      'rehearseKubernetes',
      name,
      `Rehearse a failover of ${primary[0]} to ${name}`,
      parameters,
    );
  });
};

/** The expanders of the Kubernetes kinds: one plan step per cluster, pool or host. */
export const kubernetesExpanders: { readonly [Kind in KubernetesStepKind]: Expander<Kind> } = {
  scaleOutNodes,
  restoreBackup,
  applyManifests,
  shiftMesh,
  captureManifests,
  prepareStandby,
  rehearseKubernetes,
};
