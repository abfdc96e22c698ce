-- What the web side and the workers may do, and nothing else. In the schema of the migrations, as an
-- account that may grant, after `CREATE USER holdfast_web@… , holdfast_worker@…`. Write the hosts that
-- they come from in the place of `localhost`.

GRANT SELECT ON _sqlx_migrations TO holdfast_web@localhost;
GRANT SELECT ON customers TO holdfast_web@localhost;
GRANT SELECT, INSERT ON backup_customers TO holdfast_web@localhost;
GRANT SELECT, INSERT, UPDATE (status, error_message, operator_message, completed_at, run_after, fence,
    leased_by, lease_until, waits_because, stop_requested_at, stop_requested_by, updated_at)
    ON customer_backup_jobs TO holdfast_web@localhost;
GRANT SELECT ON job_events TO holdfast_web@localhost;
GRANT SELECT, UPDATE (state, deleting_job) ON customer_backups TO holdfast_web@localhost;
GRANT SELECT, UPDATE (draining) ON nodes TO holdfast_web@localhost;
GRANT SELECT, INSERT ON audit TO holdfast_web@localhost;
GRANT SELECT, INSERT, DELETE, UPDATE (site, revoked_at) ON web_sessions TO holdfast_web@localhost;
GRANT SELECT, INSERT, DELETE, UPDATE (used_at) ON login_codes TO holdfast_web@localhost;

GRANT SELECT ON _sqlx_migrations TO holdfast_worker@localhost;
GRANT SELECT, UPDATE (status, error_message, operator_message, completed_at, run_after, attempt,
    fence, leased_by, lease_until, waits_because, stage, stage_number, stage_count, reverting,
    progress, detail, bytes_done, bytes_total, result, snapshot_id, started_at, updated_at)
    ON customer_backup_jobs TO holdfast_worker@localhost;
GRANT SELECT, INSERT ON job_events TO holdfast_worker@localhost;
GRANT SELECT, INSERT, UPDATE (state, deleting_job, deleted_at, verified_at)
    ON customer_backups TO holdfast_worker@localhost;
GRANT SELECT, UPDATE (heartbeat_at, version, unsettled, recovered_at) ON nodes TO holdfast_worker@localhost;
