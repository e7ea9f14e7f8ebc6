/** A small, complete inventory; tests break it in one place at a time. */
export const validInventory = `version: 1
domain: shop
sites:
  east: {}
  west: {}
databases:
  orders:
    engine: mysql
    durability: semisync
    homeSite: east
    nodes:
      orders-east: { site: east, host: db1.east, port: 3306 }
      orders-west: { site: west, host: db1.west, port: 3306 }
    admin: { user: siteshift, password: 'env:ORDERS_ADMIN' }
    replication: { user: replica, password: 'file:/run/secrets/orders-replica' }
  billing:
    engine: mariadb
    durability: async
    nodes:
      billing-east: { site: east, host: db2.east, port: 3306 }
      billing-west: { site: west, host: db2.west, port: 3306 }
    admin: { user: siteshift, password: 'env:BILLING_ADMIN' }
    replication: { user: replica, password: 'env:BILLING_REPLICA' }
configCenters:
  nacos: { kind: nacos, site: west, url: 'http://nacos.example:8848/nacos' }
  etcd: { kind: etcd, site: west, endpoints: ['http://etcd.example:2379'] }
datasources:
  orders-rw:
    database: orders
    schema: app
    user: app
    password: env:APP
    publishTo:
      - { center: nacos, key: orders.json }
  billing-rw:
    database: billing
    schema: app
    user: app
    password: env:APP
    publishTo:
      - { center: etcd, key: /datasources/billing }
collectors:
  west: { site: west, url: 'http://collector.west:7070' }
gateways:
  gw-1: { site: east, agent: 'http://gw1:9100', endpoint: 'http://gw1:8080' }
  gw-2: { site: west, agent: 'http://gw2:9100', endpoint: 'http://gw2:8080' }
routing:
  buckets: 100
  units:
    east-a: { site: east, buckets: 0-49, takenOverBy: west-a }
    west-a: { site: west, buckets: 50-99, takenOverBy: east-a }
hooks:
  page: { url: 'http://hooks.example/page', token: 'env:PAGE' }
`;

/** To be appended: two clusters, so that the runbooks have both of their branches. */
export const validKubernetes = `kubernetes:
  clusters:
    east: { site: east, kubeconfig: 'env:EAST' }
    west:
      site: west
      kubeconfig: env:WEST
      nodePools: { general: { hook: page, nodes: 3, selector: pool=general } }
  backupLocations:
    backups: { endpoint: 'http://s3', bucket: velero, accessKey: env:A, secretKey: env:B, schedule: daily }
  manifestStores: { manifests: { kind: folder, path: /var/manifests } }
  services: { namespaces: ['shop-*'] }
  meshHosts: { cart.example: { namespace: shop, service: cart, gateways: [istio-system/public] } }
`;

/** A runbook that passes; `steps` is replaced by tests that are about steps. */
export const validRunbook = `version: 1
name: move
description: Moves things.
parameters:
  from: { type: site, required: true }
  to: { type: site, required: true }
  count: { type: number, default: 3 }
steps:
  - id: fence
    uses: fenceUnits
    with: { units: { at: '\${from}' }, to: '\${to}' }
  - id: promote
    uses: promoteDatabase
    needs: [fence]
    with: { databases: { primaryAt: '\${from}' }, to: '\${to}' }
  - id: push
    uses: pushDatasource
    needs: [promote]
    with: { datasources: { primaryAt: '\${from}' }, to: '\${to}' }
  - id: open
    uses: openUnits
    needs: [push]
    with: { units: { at: '\${from}' }, to: '\${to}' }
  - id: verify
    uses: verifyEndpoint
    needs: [open]
    with: { units: { at: '\${from}' }, to: '\${to}', users: '\${count}' }
`;

/** Replaces `old`, which must be there: a mutation that changes nothing would make its test pass for nothing. */
export function swap(text: string, old: string, by: string): string {
  if (!text.includes(old)) throw new Error(`the text to replace is not there: ${old}`);
  return text.replace(old, () => by);
}
