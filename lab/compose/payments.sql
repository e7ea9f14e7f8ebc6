-- MariaDB: accounts and schemas of a fresh server, run by the image on each node of `payments`.
-- Outside the binary log, so that every server starts with an empty GTID position. Its option file keeps it closed.
SET sql_log_bin = 0;

CREATE DATABASE IF NOT EXISTS siteshift;
CREATE DATABASE IF NOT EXISTS app;

-- The orchestrator's account; it never touches the data of applications.
CREATE USER siteshift@'%' IDENTIFIED BY 'play-payments-admin';
GRANT READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, REPLICA MONITOR, BINLOG MONITOR, BINLOG ADMIN,
  CONNECTION ADMIN, RELOAD, PROCESS, SHOW DATABASES, EVENT, SET USER
  ON *.* TO siteshift@'%';
GRANT SELECT ON mysql.user TO siteshift@'%';
GRANT SELECT ON mysql.global_priv TO siteshift@'%';
GRANT ALL ON siteshift.* TO siteshift@'%';

CREATE USER replica@'%' IDENTIFIED BY 'play-payments-replication';
GRANT REPLICATION SLAVE ON *.* TO replica@'%';

CREATE USER app@'%' IDENTIFIED BY 'play-payments-app';
GRANT ALL ON app.* TO app@'%';

-- Forgets what the image itself wrote before this file.
RESET MASTER;
SET GLOBAL gtid_slave_pos = '';
