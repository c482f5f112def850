package posbot.order;

import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.actuate.health.Status;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Reports a status of the service's own, as a test sets it. */
@Component
@RestController
@ResponseStatus(HttpStatus.NO_CONTENT)
class TillHealthIndicator implements HealthIndicator {

    private volatile String status = Status.UP.getCode();

    @Override
    public Health health() {
        Health.Builder health = Health.status(status);
        return status.equals(Status.UP.getCode()) ? health.build() : health.withDetail("error", "paper is low").build();
    }

    @PostMapping("/till/{status}")
    void report(@PathVariable("status") String status) {
        this.status = status;
    }
}
