"""What tests look with: results that read well, histories built anew, pages run as they stand, clocks and counts."""
