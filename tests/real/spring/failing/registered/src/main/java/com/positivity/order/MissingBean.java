package com.positivity.order;

import com.netflix.discovery.EurekaClient;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Service;

interface InventoryClient {
}

/** Needs the registry first, whose client warns while the registry is away. */
@Service
@Profile("bean-missing")
class CheckoutService {

    CheckoutService(EurekaClient registry, InventoryClient inventory) {
        registry.getApplications();
    }
}
