package posbot.order;

import java.util.Map;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers from the data source, so that its loss is felt by requests and not only by the health endpoint. */
@RestController
class OrderController {

    private final JdbcClient database;

    OrderController(JdbcClient database) {
        this.database = database;
    }

    @GetMapping("/orders/count")
    Map<String, Long> count() {
        long orders = database.sql("select count(*) from orders").query(Long.class).single();
        return Map.of("orders", orders);
    }
}
