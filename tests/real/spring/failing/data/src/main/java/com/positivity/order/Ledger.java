package com.positivity.order;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.springframework.context.annotation.Profile;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Component;

/** Keeps the only connection of the pool. */
@Component
@Profile("ledger")
class LedgerLock {

    private final Connection connection;

    LedgerLock(DataSource pool) throws SQLException {
        connection = pool.getConnection();
    }
}

@Component
@Profile("ledger")
class Ledger {

    Ledger(LedgerLock lock, JdbcTemplate database) {
        database.queryForObject("select 1", Integer.class);
    }
}
