-- What is in {schema}, as a line a thing: its kind and name, and the statements that say all of it.
SET sql_mode = '', group_concat_max_len = 1 << 30;

SELECT 'schema', CONCAT('SHOW CREATE DATABASE `', REPLACE(SCHEMA_NAME, '`', '``'), '`')
  FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {schema};

SELECT CONCAT(kind, ' ', name),
    CONCAT('SHOW CREATE ', IF(kind = 'view', 'VIEW', 'TABLE'), id,
      IF(kind = 'sequence', CONCAT('; SELECT * FROM', id), ''))
  FROM (
    SELECT IF(TABLE_TYPE IN ('VIEW', 'SEQUENCE'), LOWER(TABLE_TYPE), 'table') AS kind,
        TABLE_NAME AS name, CONCAT(' `', REPLACE(TABLE_NAME, '`', '``'), '`') AS id
      FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}
  ) AS tables;

-- The rows of each table, whatever their order: their number and the sum of their sums. A FLOAT is
-- summed as a DOUBLE, since the text of a FLOAT says less than it holds.
SELECT CONCAT(what, ' ', TABLE_NAME),
    CONCAT('SELECT COUNT(*), SUM(CAST(CONV(LEFT(MD5(CONCAT(', sums,
      IF(what = 'history' AND NOT own_times, ', MD5(ROW_START), MD5(ROW_END)', ''), ')), 15), 16, 10) AS UNSIGNED)) ',
      'FROM `', REPLACE(TABLE_NAME, '`', '``'), '`',
      IF(what = 'history', ' FOR SYSTEM_TIME ALL', ''))
  FROM (
    SELECT TABLE_NAME, TABLE_TYPE, MAX(IFNULL(GENERATION_EXPRESSION, '') = 'ROW START') AS own_times,
        GROUP_CONCAT(
        'COALESCE(MD5(', IF(DATA_TYPE = 'float', '0E0 + ', ''), '`',
        REPLACE(COLUMN_NAME, '`', '``'), '`), ''-'')' ORDER BY ORDINAL_POSITION SEPARATOR ', ') AS sums
      FROM information_schema.TABLES JOIN information_schema.COLUMNS
        USING (TABLE_SCHEMA, TABLE_NAME)
      WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE')
      GROUP BY TABLE_NAME, TABLE_TYPE
  ) AS tables JOIN (SELECT 'rows' AS what UNION SELECT 'history') AS whats
    ON what = 'rows' OR TABLE_TYPE = 'SYSTEM VERSIONED';

-- `SHOW CREATE TRIGGER` ends with the time when it was made, which is taken off.
SELECT CONCAT('trigger ', TRIGGER_NAME),
    CONCAT('SHOW CREATE TRIGGER `', REPLACE(TRIGGER_NAME, '`', '``'), '`; SELECT ',
      QUOTE(CONCAT_WS(' ', ACTION_TIMING, EVENT_MANIPULATION, 'ON', EVENT_OBJECT_TABLE, ACTION_ORDER)))
  FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {schema};

-- Of routines and events the comment is read beside `SHOW`, which garbles that of a latin1 client,
-- and the sum of the body as it is stored.
SELECT CONCAT(LOWER(type), ' ', name),
    CONCAT('SHOW CREATE ', type, ' `', REPLACE(name, '`', '``'), '`; SELECT ', QUOTE(CONCAT_WS(
      ' | ', definer, security_type, comment, character_set_client, collation_connection,
      db_collation, MD5(param_list), MD5(body))))
  FROM mysql.proc WHERE db = {schema};
SELECT CONCAT('event ', name),
    CONCAT('SHOW CREATE EVENT `', REPLACE(name, '`', '``'), '`; SELECT ', QUOTE(CONCAT_WS(
      ' | ', definer, IFNULL(execute_at, '-'), IFNULL(interval_value, '-'),
      IFNULL(interval_field, '-'), IFNULL(starts, '-'), IFNULL(ends, '-'), status, on_completion,
      sql_mode, comment, character_set_client, collation_connection, db_collation, time_zone,
      MD5(body))))
  FROM mysql.event WHERE db = {schema};

-- Grants by the schema's name, or by a pattern that covers it.
SELECT CONCAT_WS(' ', 'grant', LOWER(Routine_type), Routine_name, 'to', User, Host),
    CONCAT('SELECT ', QUOTE(Proc_priv))
  FROM mysql.procs_priv WHERE Db = {schema};
SELECT CONCAT_WS(' ', 'grant table', Table_name, 'to', User, Host),
    CONCAT('SELECT ', QUOTE(CONCAT_WS(' | ', Table_priv, Column_priv)))
  FROM mysql.tables_priv WHERE Db = {schema};
SELECT CONCAT_WS(' ', 'grant column', Table_name, Column_name, 'to', User, Host),
    CONCAT('SELECT ', QUOTE(Column_priv))
  FROM mysql.columns_priv WHERE Db = {schema};
SELECT CONCAT_WS(' ', 'grant schema', Db, 'to', User, Host),
    CONCAT('SELECT ', QUOTE(CONCAT_WS('', Select_priv, Insert_priv, Update_priv, Delete_priv,
      Create_priv, Drop_priv, Grant_priv, References_priv, Index_priv, Alter_priv,
      Create_tmp_table_priv, Lock_tables_priv, Create_view_priv, Show_view_priv,
      Create_routine_priv, Alter_routine_priv, Execute_priv, Event_priv, Trigger_priv,
      Delete_history_priv)))
  FROM mysql.db WHERE {schema} LIKE Db;
