-- What Holdfast's account on a MariaDB server may do. Every right in it is needed: taken away, a
-- backup, a restore or an undo fails or is not whole. Here customers' schemas begin with `customer_`,
-- and the account comes from the server's own machine: change both to what is so with you.

-- To see the sites' connections and end them; to make programs that run as the sites' accounts; to
-- make and drop the account that loads a dump.
GRANT PROCESS, CONNECTION ADMIN, SET USER, CREATE USER ON *.* TO holdfast@localhost;
GRANT SELECT ON mysql.user TO holdfast@localhost;
-- The texts of functions and procedures, and who may call them.
GRANT SELECT ON mysql.proc TO holdfast@localhost;
GRANT SELECT ON mysql.procs_priv TO holdfast@localhost;

-- The live schemas. An underscore without a backslash would stand for any character.
GRANT SELECT, INSERT, CREATE, DROP, ALTER, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE,
  EXECUTE, EVENT, TRIGGER ON `customer\_%`.* TO holdfast@localhost WITH GRANT OPTION;

-- Holdfast's own schemas: what the account that loads a dump is given there, and what the rehearsal of
-- programs needs.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES,
  CREATE TEMPORARY TABLES, DELETE HISTORY, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE,
  EXECUTE, EVENT, TRIGGER ON `holdfast\_%`.* TO holdfast@localhost WITH GRANT OPTION;
