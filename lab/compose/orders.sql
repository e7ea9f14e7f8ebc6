-- MySQL: accounts, schemas and semi-sync of a fresh server, run by the image on each node of `orders`.
-- Outside the binary log, so that every server starts with an empty GTID set.
SET sql_log_bin = 0;

CREATE DATABASE IF NOT EXISTS siteshift;
CREATE DATABASE IF NOT EXISTS app;

-- The orchestrator's account; it never touches the data of applications.
CREATE USER siteshift@'%' IDENTIFIED BY 'play-orders-admin';
GRANT REPLICATION_SLAVE_ADMIN, REPLICATION CLIENT, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, RELOAD, PROCESS, EVENT
  ON *.* TO siteshift@'%';
GRANT SELECT ON performance_schema.* TO siteshift@'%';
GRANT ALL ON siteshift.* TO siteshift@'%';

-- CONNECTION_ADMIN lets the replicas stay connected while the primary is in offline_mode.
CREATE USER replica@'%' IDENTIFIED BY 'play-orders-replication';
GRANT REPLICATION SLAVE, CONNECTION_ADMIN ON *.* TO replica@'%';

CREATE USER app@'%' IDENTIFIED BY 'play-orders-app';
GRANT ALL ON app.* TO app@'%';

INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so';
INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so';
-- 50 days: without an acknowledgement a commit waits. It never falls back to asynchronous by itself.
SET PERSIST rpl_semi_sync_source_timeout = 4294967295;
SET PERSIST rpl_semi_sync_source_wait_point = 'AFTER_SYNC';

-- Forgets what the image itself wrote before this file; then closes the server, from now on at every start.
RESET BINARY LOGS AND GTIDS;
SET PERSIST super_read_only = ON;
