"""What control plane, worker and engine say to each other, in the product's own words."""
