import { validInventory } from './valid-texts.ts';

/** What a person got wrong: the text replaced, by what, and every message, exactly. */
export type BadRow = readonly [title: string, old: string, by: string, messages: readonly string[]];

const section = (from: string, to: string): string =>
  validInventory.slice(validInventory.indexOf(from), validInventory.indexOf(to));

export const badInventories: readonly BadRow[] = [
  [
    'another engine',
    'engine: mysql',
    'engine: postgres',
    ['siteshift.yaml:8:13 databases.orders.engine: expected "mysql" or "mariadb", saw "postgres"'],
  ],
  [
    'an unknown key',
    'engine: mysql',
    'engin: mysql',
    [
      'siteshift.yaml:7:3 databases.orders.engine: expected "mysql" or "mariadb", saw nothing',
      'siteshift.yaml:8:5 databases.orders.engin: expected one of the keys "engine", "homeSite", "durability", "ackers", "nodes", "admin", "replication", "journalSchema", "clearSessions", "freezeTimeoutMs", "catchUpTimeoutMs" or "maxLagTransactions", saw the key "engin"',
    ],
  ],
  [
    'an unknown top-level key',
    'domain: shop',
    'domain: shop\ndomian: shop',
    [
      'siteshift.yaml:3:1 domian: expected one of the keys "version", "domain", "sites", "databases", "configCenters", "datasources", "collectors", "gateways", "gatewayTls", "routing", "hooks", "kubernetes" or "policy", saw the key "domian"',
    ],
  ],
  ['the wrong version', 'version: 1', 'version: 2', ['siteshift.yaml:1:10 version: expected 1, saw 2']],
  ['a missing domain', 'domain: shop\n', '', ['siteshift.yaml:1:1 domain: expected a text, saw nothing']],
  [
    'a name with a capital',
    'domain: shop',
    'domain: Shop',
    [
      'siteshift.yaml:2:9 domain: expected a name of lower-case letters, digits, dots, dashes or underscores, at most 63 characters, saw "Shop"',
    ],
  ],
  [
    'a name that is a key of every object',
    '  east: {}',
    '  __proto__: {}',
    ['siteshift.yaml:4:3: expected another key, saw "__proto__"'],
  ],
  [
    'only one site',
    '  west: {}\n',
    '',
    ['siteshift.yaml:4:3 sites: expected at least two sites, saw a map with east'],
  ],
  [
    'a port as text',
    'host: db1.east, port: 3306',
    "host: db1.east, port: '3306'",
    ['siteshift.yaml:12:56 databases.orders.nodes.orders-east.port: expected a number, saw "3306"'],
  ],
  [
    'a port beyond the range',
    'host: db1.east, port: 3306',
    'host: db1.east, port: 70000',
    [
      'siteshift.yaml:12:56 databases.orders.nodes.orders-east.port: expected a number of at most 65535, saw 70000',
    ],
  ],
  [
    'a port with a fraction',
    'host: db1.east, port: 3306',
    'host: db1.east, port: 3306.5',
    ['siteshift.yaml:12:56 databases.orders.nodes.orders-east.port: expected a whole number, saw 3306.5'],
  ],
  [
    'a port that is no number',
    'host: db1.east, port: 3306',
    'host: db1.east, port: .nan',
    ['siteshift.yaml:12:56 databases.orders.nodes.orders-east.port: expected a number, saw NaN'],
  ],
  [
    'two nodes at one address',
    'host: db1.west',
    'host: db1.east',
    [
      'siteshift.yaml:13:56 databases.orders.nodes.orders-west.port: expected an address of its own (orders/orders-east has it), saw db1.east:3306',
    ],
  ],
  [
    'a node in an unknown site',
    'orders-east: { site: east',
    'orders-east: { site: mars',
    [
      'siteshift.yaml:10:15 databases.orders.homeSite: expected a site with a node that may be primary: "mars" or "west", saw "east"',
      'siteshift.yaml:12:28 databases.orders.nodes.orders-east.site: expected a site: "east" or "west", saw "mars"',
    ],
  ],
  [
    'one node',
    '      orders-west: { site: west, host: db1.west, port: 3306 }\n',
    '',
    [
      'siteshift.yaml:12:7 databases.orders.nodes: expected at least two nodes: there is nothing to promote otherwise, saw a map with orders-east',
    ],
  ],
  [
    'nodes in one site',
    'orders-west: { site: west',
    'orders-west: { site: east',
    [
      'siteshift.yaml:11:5 databases.orders.nodes: expected nodes that may be primary in at least two sites, saw only east',
    ],
  ],
  [
    'no node that may be primary',
    'orders-east: { site: east, host: db1.east, port: 3306 }\n      orders-west: { site: west,',
    'orders-east: { site: east, host: db1.east, port: 3306, neverPromote: true }\n      orders-west: { neverPromote: true, site: west,',
    [
      'siteshift.yaml:10:15 databases.orders.homeSite: expected a site with a node that may be primary: nothing, saw "east"',
      'siteshift.yaml:11:5 databases.orders.nodes: expected a node that may be primary, saw neverPromote on every node',
    ],
  ],
  [
    'a home without a node',
    'homeSite: east',
    'homeSite: mars',
    [
      'siteshift.yaml:10:15 databases.orders.homeSite: expected a site with a node that may be primary: "east" or "west", saw "mars"',
    ],
  ],
  [
    'more ackers than replicas',
    'durability: semisync',
    'durability: semisync\n    ackers: 2',
    ['siteshift.yaml:10:13 databases.orders.ackers: expected at most 1, the replicas of 2 nodes, saw 2'],
  ],
  [
    'no ackers',
    'durability: semisync',
    'durability: semisync\n    ackers: 0',
    ['siteshift.yaml:10:13 databases.orders.ackers: expected a number of at least 1, saw 0'],
  ],
  [
    'a secret instead of a reference',
    "password: 'env:ORDERS_ADMIN'",
    'password: hunter2',
    [
      'siteshift.yaml:14:41 databases.orders.admin.password: expected a reference, env:NAME or file:PATH; never the secret itself, saw a string that is not shown here',
    ],
  ],
  [
    'an empty user',
    "admin: { user: siteshift, password: 'env:ORDERS_ADMIN'",
    "admin: { user: '', password: 'env:ORDERS_ADMIN'",
    ['siteshift.yaml:14:20 databases.orders.admin.user: expected at least 1 character, saw ""'],
  ],
  [
    'a password in a URL',
    'http://nacos.example:8848/nacos',
    'http://u:p@nacos.example:8848/nacos',
    [
      'siteshift.yaml:25:42 configCenters.nacos.url: expected a URL without user or password (they belong in a secret), saw a URL with a user in it',
    ],
  ],
  [
    'a URL of another protocol',
    'http://nacos.example:8848/nacos',
    'ftp://nacos.example/nacos',
    [
      'siteshift.yaml:25:42 configCenters.nacos.url: expected an http or https URL, saw "ftp://nacos.example/nacos"',
    ],
  ],
  [
    'an unknown kind of config center',
    'kind: nacos',
    'kind: consul',
    ['siteshift.yaml:25:18 configCenters.nacos.kind: expected "nacos" or "etcd", saw "consul"'],
  ],
  [
    'a config center in an unknown site',
    'kind: etcd, site: west',
    'kind: etcd, site: mars',
    ['siteshift.yaml:26:29 configCenters.etcd.site: expected a site: "east" or "west", saw "mars"'],
  ],
  [
    'an etcd without endpoints',
    "endpoints: ['http://etcd.example:2379']",
    'endpoints: []',
    ['siteshift.yaml:26:46 configCenters.etcd.endpoints: expected at least 1 item, saw an empty list'],
  ],
  [
    'a datasource of an unknown database',
    'database: billing',
    'database: bills',
    [
      'siteshift.yaml:36:15 datasources.billing-rw.database: expected a database: "orders" or "billing", saw "bills"',
    ],
  ],
  [
    'a datasource published to an unknown center',
    'center: etcd',
    'center: zookeeper',
    [
      'siteshift.yaml:41:19 datasources.billing-rw.publishTo[0].center: expected a config center: "nacos" or "etcd", saw "zookeeper"',
    ],
  ],
  [
    'a datasource published nowhere',
    '    publishTo:\n      - { center: nacos, key: orders.json }',
    '    publishTo: []',
    ['siteshift.yaml:33:16 datasources.orders-rw.publishTo: expected at least 1 item, saw an empty list'],
  ],
  [
    'two datasources under one key',
    '{ center: etcd, key: /datasources/billing }',
    '{ center: nacos, key: orders.json }',
    [
      'siteshift.yaml:41:31 datasources.billing-rw.publishTo[0].key: expected a key of its own (orders-rw publishes there), saw "orders.json"',
    ],
  ],
  [
    'a collector in an unknown site',
    'west: { site: west, url',
    'west: { site: moon, url',
    ['siteshift.yaml:43:17 collectors.west.site: expected a site: "east" or "west", saw "moon"'],
  ],
  [
    'two gateways with one agent',
    'http://gw2:9100',
    'http://gw1:9100',
    [
      'siteshift.yaml:46:30 gateways.gw-2.agent: expected an agent of its own (gw-1 has it), saw "http://gw1:9100"',
    ],
  ],
  [
    'gateways without routing',
    section('routing:', 'hooks:'),
    '',
    ['siteshift.yaml:1:1 routing: expected the routing that the gateways enforce, saw nothing'],
  ],
  [
    'routing without gateways',
    section('gateways:', 'routing:'),
    '',
    ['siteshift.yaml:44:1 routing: expected at least one gateway that enforces it, saw no gateways'],
  ],
  [
    'buckets that overlap',
    'buckets: 50-99',
    'buckets: 40-99',
    [
      'siteshift.yaml:51:36 routing.units.west-a.buckets: expected buckets that no other unit has, saw 40-49, which are also in east-a',
    ],
  ],
  [
    'buckets without a unit',
    'buckets: 50-99',
    'buckets: 50-89',
    ['siteshift.yaml:49:3 routing.units: expected a unit for each of the 100 buckets, saw none for 90-99'],
  ],
  [
    'a bucket beyond the last',
    'buckets: 50-99',
    'buckets: 50-100',
    ['siteshift.yaml:51:36 routing.units.west-a.buckets: expected buckets from 0 to 99, saw "50-100"'],
  ],
  [
    'a bucket range of thousands of millions',
    'buckets: 50-99',
    'buckets: 0-99999999999',
    ['siteshift.yaml:51:36 routing.units.west-a.buckets: expected buckets from 0 to 99, saw "0-99999999999"'],
  ],
  [
    'a range that runs backwards',
    'buckets: 50-99',
    'buckets: 99-50',
    [
      'siteshift.yaml:51:36 routing.units.west-a.buckets: expected a range that runs upwards instead of "99-50", saw "99-50"',
    ],
  ],
  [
    'buckets that are no range',
    'buckets: 50-99',
    'buckets: upper half',
    [
      'siteshift.yaml:51:36 routing.units.west-a.buckets: expected bucket numbers and ranges, e.g. "0-49" or "0-9,20,30-39", saw "upper half"',
    ],
  ],
  [
    'a bucket twice in one unit',
    'buckets: 50-99',
    'buckets: "50-99,60"',
    [
      'siteshift.yaml:51:36 routing.units.west-a.buckets: expected each bucket once; 60 is there twice, saw "50-99,60"',
    ],
  ],
  [
    'a unit that takes over itself',
    'takenOverBy: east-a',
    'takenOverBy: west-a',
    ['siteshift.yaml:51:56 routing.units.west-a.takenOverBy: expected another unit, saw the unit itself'],
  ],
  [
    'a takeover by an unknown unit',
    'takenOverBy: east-a',
    'takenOverBy: north-a',
    [
      'siteshift.yaml:51:56 routing.units.west-a.takenOverBy: expected a unit: "east-a" or "west-a", saw "north-a"',
    ],
  ],
  [
    'a takeover inside one site',
    '  units:\n',
    '  units:\n    east-b: { site: east, buckets: "0", takenOverBy: east-a }\n',
    [
      'siteshift.yaml:50:54 routing.units.east-b.takenOverBy: expected a unit in another site, saw east-a, which stands in east, too',
      'siteshift.yaml:51:36 routing.units.east-a.buckets: expected buckets that no other unit has, saw 0, which is also in east-b',
    ],
  ],
  [
    'a unit in an unknown site',
    'east-a: { site: east',
    'east-a: { site: mars',
    ['siteshift.yaml:50:21 routing.units.east-a.site: expected a site: "east" or "west", saw "mars"'],
  ],
  [
    'a lease that is too short',
    'buckets: 100\n',
    'buckets: 100\n  leaseMs: 10\n',
    ['siteshift.yaml:49:12 routing.leaseMs: expected a number of at least 500, saw 10'],
  ],
  [
    'a policy that nobody knows',
    'hooks:',
    'policy: { approval: sometimes }\nhooks:',
    ['siteshift.yaml:52:21 policy.approval: expected "always", "forced" or "never", saw "sometimes"'],
  ],
  [
    'a list where a map belongs',
    'sites:\n  east: {}\n  west: {}',
    'sites: [east, west]',
    ['siteshift.yaml:3:8 sites: expected a map, saw a list of 2 items'],
  ],
  [
    'a key twice',
    '  west: {}\n',
    '  west: {}\n  west: {}\n',
    ['siteshift.yaml:6:3: expected each key once, saw "west" again'],
  ],
  [
    'a tab as indentation',
    '  west: {}\n',
    '	west: {}\n',
    [
      'siteshift.yaml:5:1: expected valid YAML (Tabs are not allowed as indentation), saw something else at "w"',
    ],
  ],
  [
    'an unclosed quote',
    'password: env:APP',
    'password: "env:APP',
    ['siteshift.yaml:54:1: expected valid YAML (Missing closing "quote), saw the end of the file'],
  ],
  [
    'an unknown tag',
    'domain: shop',
    'domain: !!js/function "function () {}"',
    [
      'siteshift.yaml:2:9: expected valid YAML (Unresolved tag: tag:yaml.org,2002:js/function), saw something else at "!"',
    ],
  ],
  [
    'an alias to nothing',
    'domain: shop',
    'domain: *shop',
    ['siteshift.yaml:2:9: expected an anchor of that name before the alias, saw *shop'],
  ],
  [
    'a merge key',
    '  west: {}\n',
    '  west: {}\n  <<: {}\n',
    [
      'siteshift.yaml:6:3 sites.<<: expected a name of lower-case letters, digits, dots, dashes or underscores, at most 63 characters, saw the key "<<"',
    ],
  ],
  [
    'a NUL character',
    'domain: shop',
    'domain: sh\0op',
    ['siteshift.yaml:2:11: expected text, saw a NUL character'],
  ],
];
