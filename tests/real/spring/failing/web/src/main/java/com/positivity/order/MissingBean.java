package com.positivity.order;

import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Service;

interface InventoryClient {
}

@Service
@Profile("bean-missing")
class CheckoutService {

    CheckoutService(InventoryClient inventory) {
    }
}
